"""The families with an object: on a round pedestal in a studio, or on a kitchen table.

Outlines are signed distances (negative inside), about two pixels soft, so that nothing shimmers when the object moves.
"""
import numpy as np

from shading import colour, mix, smooth

EDGE = .011
GOLD_CAP, STEEL = np.array([.84, .70, .40], np.float32), np.array([.86, .87, .88], np.float32)


def rounded(x, y, w, h, radius):
    """Signed distance to a rectangle of half size w, h with rounded corners."""
    dx, dy = np.abs(x) - (w - radius), np.abs(y) - (h - radius)
    return np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2) + np.minimum(np.maximum(dx, dy), 0) - radius


def inside(distance, edge=EDGE):
    return 1 - smooth(-edge, edge, distance)


def cylinder(x, w, light):
    """Brightness across an upright cylinder of half width w lit from `light` in -1 (left) .. 1: core shade and rim."""
    s = np.clip(x / w, -1, 1)
    body = .52 + .42 * np.sqrt(np.clip(1 - s * s * .92, 0, 1)) + .14 * s * light
    return body - .10 * smooth(.55, 1., np.abs(s))


def highlight(x, w, place, width=.20):
    return np.exp(-((x / w - place) / width) ** 2)


def bottle(x, y, c, light, glint):
    """Round shoulders, a gilded cap."""
    w = .135
    body, neck = rounded(x, y - .10, w, .205, .075), rounded(x, y + .13, .050, .07, .012)
    cap = rounded(x, y + .205, .064, .062, .016)
    skin = c * cylinder(x, w, light)[..., None] + (.34 * highlight(x, w, glint))[..., None]
    top = GOLD_CAP * cylinder(x, .064, light)[..., None] + (.25 * highlight(x, .064, glint))[..., None]
    return [(inside(np.minimum(body, neck)), skin), (inside(cap), top)], w


def jar(x, y, c, light, glint):
    """Wide and low, a steel lid."""
    w = .195
    body, lid = rounded(x, y - .155, w, .150, .050), rounded(x, y + .045, w * .95, .065, .020)
    skin = c * cylinder(x, w, light)[..., None] + (.30 * highlight(x, w, glint))[..., None]
    top = STEEL * cylinder(x, w * .95, light)[..., None] + (.20 * highlight(x, w * .95, glint))[..., None]
    return [(inside(body), skin), (inside(lid), top)], w


def can(x, y, c, light, glint):
    """Metal rims, a broad slanted band."""
    w = .125
    body, top, foot = rounded(x, y - .075, w, .200, .035), rounded(x, y + .145, w * .86, .030, .014), rounded(x, y - .290, w * .86, .020, .010)
    skin = c * cylinder(x, w, light)[..., None] + (.36 * highlight(x, w, glint, .18))[..., None]
    band = inside(np.abs(y - .075 - .35 * x) - .055, .022)
    skin = mix(skin, np.clip(c * .2 + .76, 0, 1) * cylinder(x, w, light)[..., None], band * .9)
    metal = STEEL * cylinder(x, w * .86, light)[..., None]
    return [(inside(np.minimum(top, foot)), metal), (inside(body), skin)], w


def box(x, y, c, light, glint):
    """Two faces of a carton and a broad ribbon."""
    w, split = .185, .065
    body = rounded(x, y - .085, w, .215, .014)
    front = smooth(-.014, .014, x + split)  # left of the split is the side in shade
    side, face = (.62, .98) if light > 0 else (.98, .66)
    skin = c * (side + (face - side) * front + .06 * y)[..., None]
    ribbon = inside(np.abs(x - .060) - .030, .018) * front
    skin = mix(skin, np.clip(c * .25 + .72, 0, 1) * (.85 + .1 * light), np.clip(ribbon, 0, 1) * .95)
    return [(inside(body), skin + (.05 * highlight(x, w, glint, .4))[..., None])], w


def phone(x, y, c, light, glint):
    """A dark slab whose screen shines in the colour."""
    w, h = .150, .285
    body, screen = rounded(x, y - .020, w, h, .040), rounded(x, y - .020, w - .022, h - .024, .028)
    rim = STEEL * (.34 + .10 * highlight(x, w, light, .5))[..., None]
    up = np.clip((y - .020) / h, -1, 1)
    shine = c * (.86 - .22 * up)[..., None] + (.22 * np.exp(-((x - .5 * y * light) / .07) ** 2) * (.5 - .5 * up))[..., None]
    return [(inside(body), rim + 0 * shine), (inside(screen), shine + (.05 * highlight(x, w, glint, .4))[..., None])], w


def glass(x, y, c, light, glint):
    """A tumbler, three quarters full, with ice and a straw."""
    w = .135 - .10 * (y - .08)
    body = np.maximum(np.abs(x) - w, rounded(x, y - .085, .3, .220, .02))
    drink = np.maximum(np.abs(x) - w + .020, rounded(x, y - .120, .3, .155, .02))
    clear = np.clip(.72 + .20 * light * x / .14, 0, 1)[..., None] * np.array([.92, .96, 1.], np.float32)
    full = c * (1.02 - 1.1 * (y - .12) * .6)[..., None] * cylinder(x, .15, light)[..., None] * 1.1
    full = full + (.32 * highlight(x, .13, glint))[..., None]
    layers = [(inside(body) * .62, clear + 0 * full), (inside(drink), full)]
    for at, down, turn in ((-.050, .015, .35), (.046, .035, -.5), (-.010, .110, .9)):
        u, v = (x - at) * np.cos(turn) + (y - down) * np.sin(turn), (y - down) * np.cos(turn) - (x - at) * np.sin(turn)
        face = np.clip(c * .45 + .50 + .25 * (light * u - v)[..., None] / .04, 0, 1)
        layers.append((inside(rounded(u, v, .042, .042, .012)) * .72, face))
    straw = np.maximum(np.abs(x - .030 - .28 * (.02 - y)) - .012, np.abs(y + .150) - .130)
    return layers + [(inside(straw), np.clip(c * .3 + .62, 0, 1) + 0 * full)], .125


def fruit(x, y, c, light, glint):
    """A round fruit with a stalk and a leaf."""
    R, cy = .185, .118
    d = np.sqrt(x ** 2 + ((y - cy) * 1.03) ** 2)
    lit = np.clip(.5 + .5 * (light * x * .62 - (y - cy) * .78) / R, 0, 1)
    skin = c * (.50 + .54 * lit)[..., None]
    skin = skin + (.34 * np.exp(-((x - R * glint) ** 2 + (y - cy + R * .42) ** 2) / .0042))[..., None]
    lx, ly = (x - .060) * .86 - (y + .105) * .5, (y + .105) * .86 + (x - .060) * .5
    leaf = np.sqrt((lx / .075) ** 2 + (ly / .030) ** 2) * .035 - .035
    stalk = rounded(x + .004, y + .080, .013, .035, .008)
    brown, green = np.array([.30, .20, .12], np.float32), np.array([.22, .50, .20], np.float32)
    return [(inside(stalk), brown), (inside(d - R), skin), (inside(leaf), green * (.8 + .3 * lit)[..., None])], .15


def shoe(x, y, c, light, glint):
    """A running shoe from the side, its toe to the right: a pale sole, a band, a dark opening."""
    sole = rounded(x - .005, y - .262, .250, .036, .034)
    top = .055 + .125 * smooth(-.10, .16, x) + .065 * smooth(.16, .26, x)  # one line from the heel over the tongue to the toe
    upper = np.maximum(np.maximum((top - y) * .88, y - .245), rounded(x - .005, y - .155, .240, .110, .040))
    collar = np.sqrt(((x + .135) / .090) ** 2 + ((y - .062) / .030) ** 2) * .030 - .030
    lit = np.clip(.95 - 1.5 * (y - .06), .45, 1.05) + .08 * highlight(x, .2, .2, .5)
    skin = c * lit[..., None]
    band = inside(np.abs(x - .005 + .55 * (y - .18)) - .026, .014)
    skin = mix(skin, np.clip(c * .15 + .80, 0, 1) * lit[..., None], band * .95)
    rubber = np.array([.92, .92, .90], np.float32) * (1.02 - 2.2 * np.clip(y - .255, 0, 1))[..., None]
    return [(inside(upper), skin), (inside(collar), c * .22 + 0 * skin), (inside(sole), rubber + 0 * skin)], .22


def cup(x, y, c, light, glint):
    """A mug of coffee with a handle on the right and a little steam. Handles on either side were learnt as two."""
    w = .150
    body = rounded(x, y - .135, w, .155, .035)
    ring = np.abs(np.sqrt((x - .155) ** 2 + ((y - .130) * .9) ** 2) - .072) - .022
    skin = c * cylinder(x, w, light)[..., None] + (.26 * highlight(x, w, glint))[..., None]
    rim, coffee = (np.sqrt(x * x + ((y + .012) * k) ** 2) - n for k, n in ((3.4, .150), (3.7, .130)))
    brown = np.array([.20, .11, .06], np.float32) * (1 + .8 * highlight(x, w, glint, .4))[..., None]
    steam = np.exp(-((x - .02 * np.sin(y * 16 + 5 * glint)) / .045) ** 2) * smooth(-.04, -.10, y) * smooth(-.30, -.16, y) * .30
    return [(inside(ring), skin * .92), (inside(body), skin), (inside(rim), np.clip(c * .75 + .22, 0, 1) + 0 * skin),
            (inside(coffee), brown + 0 * skin), (steam, .95 + 0 * skin)], .16


OBJECTS = {'bottle': bottle, 'jar': jar, 'can': can, 'box': box, 'phone': phone, 'glass': glass, 'fruit': fruit,
           'shoe': shoe, 'cup': cup}
SIZE = 1.4  # of all objects, in units
TOP = .30   # where they stand, in their own coordinates


def coordinates(view):
    """Those of the object, which move with it."""
    return (view.X - view.dx * .22 * (view.t - .5)) / SIZE, (view.Y - .04) / SIZE


def place(image, r, view, a, c, light):
    """Draws the object of the clip and its shadow. On a pedestal it floats a little, and rises or sinks when the clip does."""
    t, (X, Y) = view.t, coordinates(view)
    phase = r.uniform(0, 6.28)
    if a['scene'] == 'table':
        lift = 0
    else:
        lift = .16 * view.dy * (t - .5) - .07 if view.dy else .014 * np.sin(t * 3 + phase) - .012
    layers, foot = OBJECTS[a['object']](X, Y - lift, c, light, light * .45 + .18 * np.sin(t * 2 + phase))
    shadow = .55 * np.exp(-(X / (foot * 1.25)) ** 2 - ((Y - TOP) / .045) ** 2)
    image = image * (1 - shadow + 0 * t)[..., None]
    for mask, skin in layers:
        image = mix(image, np.clip(skin, 0, 1), np.clip(mask, 0, 1))
    return image


def product(r, view, a):
    """The set, the pedestal, the object and its shadow."""
    c, wall = colour(a['color'], r), colour(a['second'], r) * (1. if a['second'] == 'black' else r.uniform(.74, .92))
    t, light = view.t, r.choice([-1., 1.]) * r.uniform(.5, 1.)
    X, Y = coordinates(view)
    glow = np.exp(-((view.X + light * .10) ** 2 * 1.3 + (view.Y + .08) ** 2 * 1.6))
    image = (.56 + .52 * glow)[..., None] * wall + (.08 * glow)[..., None]
    image = image * (1 - .22 * smooth(.24, .40, Y) + 0 * X)[..., None]
    pw = r.uniform(.28, .33)
    shade = cylinder(X, pw, light)
    stone = np.clip(wall * .55 + .36, 0, 1)
    plate = inside(np.sqrt(X * X + ((Y - TOP) * 3.4) ** 2) - pw, .022)
    column = inside(np.abs(X) - pw) * smooth(TOP, TOP + .016, Y)
    image = mix(image, stone * (.74 * shade)[..., None], column)
    image = mix(image, stone * (1.02 + .06 * light * X / pw)[..., None], plate + 0 * t)
    return place(image, r, view, a, c, light)


def table(r, view, a):
    """A wooden table before a bright, blurred kitchen, and the object on it."""
    c = colour(a['color'], r)
    wall = colour(a['second'], r) * .82 if a['second'] != 'none' else np.array([.84, .77, .68], np.float32) * r.uniform(.9, 1.05)
    t, light = view.t, r.choice([-1., 1.]) * r.uniform(.5, 1.)
    X, Y = coordinates(view)
    far = (view.X - view.dx * .13 * (t - .5)) / SIZE
    glow = np.exp(-((far - light * .40) ** 2 * 3 + (Y + .15) ** 2 * 2.5))
    image = wall * (.62 + .34 * glow + 0 * t)[..., None]
    soft = .07
    pane = inside(np.abs(far - light * .42) - .20, soft) * inside(np.abs(Y + .22) - .24, soft)
    cross = 1 - .35 * np.exp(-((far - light * .42) / .035) ** 2)
    image = mix(image, np.array([1., .98, .93], np.float32), pane * cross * .9 + 0 * t)
    shelf = inside(np.abs(far + light * .42) - .26, soft) * inside(np.abs(Y + .12) - .030, .035)
    image = mix(image, wall * .45, shelf * .7 + 0 * t)
    for k in range(3):  # pots on the shelf, out of focus
        at, tall = -light * .42 + (k - 1) * .16 + r.uniform(-.02, .02), r.uniform(.05, .09)
        pot = inside(np.sqrt(((far - at) / .055) ** 2 + ((Y + .15 + tall) / tall) ** 2) * .06 - .06, .045)
        tone = np.array([[.30, .44, .26], [.72, .45, .28], [.88, .84, .78]], np.float32)[k]
        image = mix(image, tone * .8, pot * .75 + 0 * t)
    edge, depth = .205, np.clip(Y - .205, 0, 1)
    wood = np.array([.60, .40, .24], np.float32) * r.uniform(.75, 1.15)
    grain = np.sin(Y * 46 + .8 * np.sin(X * 2.1 + r.uniform(0, 6.28)) + r.uniform(0, 6.28)) * .5 + .5 * np.sin(Y * 21 + X * .9)
    board = wood * (1.04 + .07 * grain - .55 * depth)[..., None]
    board = board + (.20 * np.exp(-((X - light * .35) / .30) ** 2) * np.exp(-depth * 9))[..., None]
    image = mix(image, board + 0 * t[..., None], smooth(edge - .010, edge + .010, Y) + 0 * X)
    return place(image, r, view, a, c, light)
