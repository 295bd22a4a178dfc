"""The families with silhouettes: a city, a road with a car, people far away. Conventions as in scenes.py.

Everything that moves stands near fixed places and moves as one with its layer; nothing has a face or a name plate.
"""
import numpy as np

from product import cylinder, inside, rounded
from scenes import sun_and_sky
from shading import colour, mix, smooth

LAMP = np.array([1., .80, .48], np.float32)


def city(r, view, a):
    """Three rows of towers before the sky, darker and larger towards the viewer; their windows come on in the dark and by day
    show the sky. The sun is behind them, only its glow is seen: what of a disc shows between towers is learnt as specks."""
    X, Y, t = view.X, view.Y - view.dy * .18 * (view.t - .5), view.t
    base = .10 + .12 * view.ay
    far = X - view.dx * .10 * (t - .5)
    image, _, low, high, _ = sun_and_sky(r, view, a, far, Y, base - .05, .17, disc=None, glow=(2., .45 if a['time'] == 'night' else .80))
    day = a['time'] == 'day'
    haze, dark = np.clip(low * .80 + .06, 0, 1), low * (.34 if day else .10) + high * (.12 if day else .07)
    lit = {'night': .95, 'sunset': .75, 'sunrise': .45, 'day': .62}[a['time']]
    pane_colour = np.clip(high * .45 + .42, 0, 1) if day else LAMP
    for i in range(3):
        wide, near = (.27, .40, .54)[i], (.25, .62, 1.)[i]
        Xi = X - view.dx * (.16 + .15 * i) * (t - .5)
        wall = haze * (1 - near) * .85 + dark * near
        # One tower a cell of the row; what belongs to it is looked up by the cell's number.
        count = int(np.ceil((view.ax + .5) / wide)) + 1
        draw = lambda low, high: r.uniform(low, high, 2 * count + 1).astype(np.float32)
        half, tone, glow = wide * draw(.38, .46), draw(.88, 1.12), draw(.75, 1.)
        top = base - (.30, .20, .02)[i] - draw(-.10, .16) * (.8 + .4 * view.ay)
        lights = (r.random((2 * count + 1, 1, 16)) < .62).astype(np.float32).repeat(8, 1)  # whole floors
        place = Xi / wide + (.0, .5, .25)[i] + r.uniform(-.1, .1)
        cell = np.clip(np.rint(place).astype(np.int32) + count, 0, 2 * count)
        u = (place - np.rint(place)) * wide
        body = inside(np.abs(u) - half[cell], .008) * smooth(-.008, .008, Y - top[cell])
        image = mix(image, wall * tone[cell][..., None], body + 0 * t)
        if i == 0:
            continue
        px, py = (.108, .128) if i == 1 else (.138, .160)
        columns = np.floor(half[cell] * 1.75 / px)
        across = u / px + (columns - 1) / 2
        column, down = np.rint(across), (Y - top[cell] - .05) / py
        row = np.floor(down)
        on = lights[cell, np.clip(column, 0, 7).astype(np.int32), np.clip(row, 0, 15).astype(np.int32)]
        on = on * ((column >= 0) & (column < columns)) * (row >= 0)
        pane = inside(np.abs(across - column) * px - px * .27, .010) * inside(np.abs(down - row - .5) * py - py * .28, .010)
        image = mix(image, pane_colour * glow[cell][..., None], pane * on * (lit * .9) + 0 * t)
    street = smooth(base + .16, view.ay * 1.05, Y)
    return mix(image, dark * .55, np.clip(street, 0, 1) * .8 + 0 * X + 0 * t)


def car_shape(x, y):
    """Signed distances of body, windows and wheels of a car of length .68 that faces right; its wheels stand at y = 0."""
    hull = rounded(x, y + .085, .335, .058, .045)
    roof = np.sqrt((x + .035) ** 2 / .0441 + (y + .115) ** 2 / .0121) - 1
    cabin = np.maximum(roof * .10, y + .10)
    glass = np.maximum((np.sqrt((x + .035) ** 2 / .0306 + (y + .122) ** 2 / .0068) - 1) * .08, y + .122)
    glass = np.maximum(glass, .012 - np.abs(x + .04))
    left, right = (np.sqrt((x - at) ** 2 + (y + .055) ** 2) for at in (-.205, .205))
    wheels = np.minimum(left, right)
    return np.minimum(hull, cabin), glass, wheels


def road(r, view, a):
    """A car on an open road before a low sun: its paint in the colour asked for, or a silhouette."""
    X, Y, t = view.X, view.Y - view.dy * .12 * (view.t - .5), view.t
    ground = .17 + .06 * view.ay
    far = X - view.dx * .14 * (t - .5)
    image, sx, low, high, sun = sun_and_sky(r, view, dict(a, color='none'), far, Y, ground - .10, .10, disc=(.145, .230))
    haze, dark = np.clip(low * .62 + .05, 0, 1), low * .11 + high * .05
    p, q = r.uniform(0, 6.28), r.uniform(0, 6.28)
    for i, tone in ((0, .62), (1, .34)):
        Xi = X - view.dx * (.16 + .08 * i) * (t - .5)
        ridge = ground - .13 + .08 * i + (.050 - .02 * i) * np.sin(Xi * (2.6 + i) + p + q * i)
        image = mix(image, haze * tone + dark * (1 - tone), smooth(-.012, .012, Y - ridge) + 0 * t)
    asphalt = np.clip(dark * .8 + np.array([.030, .030, .036], np.float32), 0, 1)
    shine = np.exp(-((far - sx) / .5) ** 2) * np.exp(-np.maximum(Y - ground, 0) * 5) * .35
    surface = mix(asphalt + 0 * X[..., None], sun * .7, np.clip(shine, 0, 1) + 0 * Y)
    image = mix(image, surface, smooth(-.010, .010, Y - ground + .03) + 0 * X)
    dash = inside(np.abs((X + view.dx * 1.2 * t) % .8 - .4) - .20, .05) * inside(np.abs(Y - ground - .19) - .017, .016)
    image = mix(image, np.clip(haze * .5 + .30, 0, 1), dash * .6)
    facing = float(view.dx) if view.dx else 1.
    size = .75 + .80 * view.ax  # half as long as a wide frame, as long as a tall one allows
    x = (X - view.dx * .36 * (t - .5) - r.uniform(-.03, .03)) * facing / size
    y = (Y - ground - .065 + .004 * np.sin(t * 14)) / size
    body, glass, wheels = car_shape(x, y)
    shadow = np.exp(-(x / .36) ** 4 - ((y - .005) / .030) ** 2) * .75
    image = image * (1 - np.clip(shadow, 0, 1))[..., None]
    up = np.clip(-y / .22, 0, 1)
    paint = dark * .35 if a['color'] == 'none' else colour(a['color'], r) * .62
    skin = paint * (.45 + .75 * up)[..., None] + sun * (.50 * smooth(.035, .0, np.abs(body + .012)) * smooth(.10, .22, -y))[..., None]
    image = mix(image, skin + 0 * t[..., None], inside(body, .009))
    image = mix(image, haze * (.35 + .55 * up)[..., None], inside(glass, .009) * .85)
    image = mix(image, np.array([.02, .02, .022], np.float32), inside(wheels - .060, .009))
    image = mix(image, np.array([.42, .42, .44], np.float32), inside(wheels - .030, .010) * .8)
    lamp = np.exp(-((x - .335) / .05) ** 2 - ((y + .095) / .035) ** 2) + .35 * np.exp(-((x - .42) / .13) ** 2 - ((y + .08) / .06) ** 2)
    return mix(image, np.array([1., .95, .80], np.float32), np.clip(lamp * (.95 if a['time'] != 'day' else .4), 0, 1))


def figure(x, y, height, stride):
    """Signed distance of a standing or walking person, feet at y = 0; stride -1 .. 1."""
    x, y = x / height, y / height
    head = np.sqrt(x ** 2 + (y + .925) ** 2) - .075
    trunk = rounded(x, y + .66, .105 - .030 * np.clip((y + .66) / .2, -1, 1), .185, .07)
    limb = lambda x0, y0, x1, y1, w: np.sqrt((x - x0 - (x1 - x0) * np.clip((y - y0) / (y1 - y0), 0, 1)) ** 2
                                             + np.maximum(np.maximum(y0 - y, y - y1), 0) ** 2) - w
    legs = np.minimum(limb(.035, -.50, .035 + .16 * stride, -.035, .048), limb(-.035, -.50, -.035 - .16 * stride, -.035, .048))
    arms = np.minimum(limb(.11, -.80, .13 - .10 * stride, -.46, .032), limb(-.11, -.80, -.13 + .10 * stride, -.46, .032))
    return np.minimum(np.minimum(head, trunk), np.minimum(legs, arms)) * height


def people(r, view, a):
    """Two people far away on a shore or a hill, dark before a large low sun; they walk where the clip moves. They stand at two
    places in the middle of the frame: people at any place at all are learnt as more or fewer, and with their feet off the
    ground; a child that stands beside some of them, as half a child beside all."""
    X, Y, t = view.X, view.Y - view.dy * .14 * (view.t - .5), view.t
    ground = .24 + .05 * view.ay
    far = X - view.dx * .16 * (t - .5)
    image, sx, low, high, sun = sun_and_sky(r, view, a, far, Y, ground, .20, reach=.16, disc=(.165, .250), glow=(2.4, .75))
    dark = low * .10 + high * .05
    slope, p = r.uniform(-.02, .02), r.uniform(0, 6.28)
    line = ground + slope * X + .018 * np.sin(X * 2.4 + p)
    glow = np.exp(-((far - sx) / .45) ** 2) * np.exp(-np.maximum(Y - line, 0) * 4.5)
    land = mix(dark * .8 + 0 * X[..., None], low * .55 + sun * .15, np.clip(glow, 0, 1) * .8 + 0 * t)
    image = mix(image, land, smooth(-.009, .009, Y - line) + 0 * t)
    walk = view.dx * .36 * (t - .5)
    for k, at in enumerate((-.13, .13)):
        height = .47 * r.uniform(.95, 1.03)
        foot = ground + slope * at + .018 * np.sin(at * 2.4 + p) + .012
        stride = np.sin(t * 9 + k * 1.7 + p) * .9 if view.dx else .12 + .06 * np.sin(t * 2 + k)
        body = inside(figure(X - at - walk, Y - foot - .004 * np.abs(np.sin(t * 9 + k)) * abs(view.dx), height, stride), .009)
        shadow = np.exp(-((X - at - walk) / .09) ** 2 - ((Y - foot - .015) / .020) ** 2) * .5
        image = image * (1 - np.clip(shadow, 0, 1))[..., None]
        image = mix(image, dark * .45, body)
    return image
