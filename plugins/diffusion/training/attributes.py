"""What a clip can show: the attribute slots, their classes, and how a clip's attributes are drawn.

Index 0 of every slot means "not mentioned". A clip's row holds one index a slot and, last, whether its colours came
from the family's default palette ("tasteful"): such colours may be left out of a caption, so that a prompt without
colours gives a pleasant picture instead of a random one.
"""
import numpy as np

COLOURS = {'red': (.86, .08, .11), 'orange': (.98, .48, .08), 'gold': (.93, .73, .24), 'green': (.10, .66, .28),
           'teal': (.04, .66, .66), 'blue': (.08, .30, .92), 'purple': (.47, .14, .82), 'pink': (.98, .42, .68),
           'white': (.95, .95, .95), 'black': (.03, .03, .04)}
NAMES = list(COLOURS)
SLOTS = {
    'scene': ['none', 'bokeh', 'gradient', 'sea', 'rays', 'mountain', 'silk', 'smoke', 'product', 'studio',
              'window', 'city', 'table', 'road', 'people'],
    'object': ['none', 'bottle', 'jar', 'can', 'box', 'phone', 'glass', 'fruit', 'shoe', 'cup'],
    'color': ['none'] + NAMES,
    'second': ['none'] + NAMES,
    'time': ['none', 'sunset', 'sunrise', 'night', 'day'],
    'motion': ['none', 'left', 'right', 'up', 'down'],
    'camera': ['none', 'in', 'out'],
}
SIZES = [len(words) for words in SLOTS.values()]
CLASSES = sum(SIZES)
SCENES = SLOTS['scene'][1:]
SCENE_SHARE = np.array([.10, .07, .06, .06, .06, .07, .06, .25, .02, .05, .10, .13, .09, .09])
LANDSCAPES = ('sea', 'mountain', 'city', 'road', 'people')  # these have a time of day
DIRECTIONS = {'none': (0, 0), 'left': (-1, 0), 'right': (1, 0), 'up': (0, -1), 'down': (0, 1)}
PALETTES = {'bokeh': [('gold', 'black'), ('gold', 'blue'), ('pink', 'purple'), ('white', 'blue'), ('orange', 'black')],
            'gradient': [('teal', 'purple'), ('pink', 'orange'), ('blue', 'purple'), ('teal', 'blue')],
            'rays': [('gold', 'black'), ('white', 'blue'), ('gold', 'green')],
            'silk': [('red', 'none'), ('gold', 'none'), ('blue', 'none'), ('purple', 'none')],
            'smoke': [('white', 'black'), ('blue', 'black'), ('purple', 'black')],
            'product': [('gold', 'black'), ('white', 'teal'), ('pink', 'white'), ('blue', 'white'), ('red', 'white'),
                        ('orange', 'teal'), ('green', 'white')],
            'table': [('red', 'none'), ('green', 'none'), ('orange', 'none'), ('white', 'none'), ('blue', 'none'), ('gold', 'white')],
            'studio': [('white', 'none'), ('blue', 'none'), ('teal', 'none')],
            'window': [('white', 'none'), ('gold', 'none'), ('pink', 'none'), ('teal', 'none')]}
# Low sky, high sky and sun of each time of day.
SKY = {'sunset': ('orange', 'purple', 'gold'), 'sunrise': ('pink', 'blue', 'gold'),
       'night': ('blue', 'black', 'white'), 'day': ('white', 'blue', 'white')}


def draw_attributes(r, scene=None, **forced):
    """Attributes of one clip as class names; `forced` overrules what was drawn."""
    scene = scene or SCENES[int(r.choice(len(SCENES), p=SCENE_SHARE / SCENE_SHARE.sum()))]
    a = dict(scene=scene, object='none', color='none', second='none', time='none', tasteful=0)
    a['motion'] = SLOTS['motion'][int(r.choice(5, p=[.26, .24, .24, .17, .09]))]
    a['camera'] = SLOTS['camera'][int(r.choice(3, p=[.74, .16, .10]))]
    if scene in LANDSCAPES:
        a['time'] = SLOTS['time'][1 + int(r.choice(4, p=[.34, .22, .24, .2]))]
        if r.random() < .55:
            a['color'] = NAMES[int(r.integers(10 if scene == 'road' else 9))]
    elif r.random() < .30:
        palettes = PALETTES[scene]
        a['color'], a['second'] = palettes[int(r.integers(len(palettes)))]
        a['tasteful'] = 1
    else:
        lights = scene in ('bokeh', 'rays', 'smoke')  # light cannot be black, and shows best before black
        a['color'] = NAMES[int(r.integers(9 if lights else 10))]
        if not (scene in ('studio', 'window') or scene in ('silk', 'table') and r.random() < .6):
            share = np.ones(10)
            share[NAMES.index(a['color'])] = 0
            if lights:
                share[9], share[8] = 3, .6
            a['second'] = NAMES[int(r.choice(10, p=share / share.sum()))]
    if scene in ('product', 'table'):
        a['object'] = SLOTS['object'][1 + int(r.integers(len(SLOTS['object']) - 1))]
    a.update(forced)
    return a


def row(a):
    """Class indices of the attributes, one a slot, and the tasteful flag."""
    return [SLOTS[slot].index(a[slot]) for slot in SLOTS] + [a['tasteful']]
