"""The held-out prompts that a model is judged by: none comes from captions.py. a third of them in each shape."""
from attributes import SCENES

COLOURS = {'red': 'crimson', 'orange': 'orange', 'gold': 'golden', 'green': 'emerald', 'teal': 'turquoise', 'blue': 'blue',
           'purple': 'violet', 'pink': 'pink'}
FORMS = {'bokeh': ('soft {} bokeh lights on a black background for a beauty brand', 'blurred {} lights, black backdrop, cinematic'),
         'gradient': ('a {} and black liquid gradient, calm', 'abstract fluid colors, {} and black'),
         'sea': ('waves under a {} sunset, relaxing', '{} sunset over the ocean for a travel ad'),
         'rays': ('{} light rays, black background, stage', 'volumetric beams of {} light on black'),
         'mountain': ('{} misty mountains at sunset', 'layers of hills, {} sunset'),
         'silk': ('flowing {} silk, luxury', 'elegant waves of {} satin fabric'),
         'smoke': ('{} smoke on black background, slow motion', 'wisps of {} smoke against a black backdrop'),
         'product': ('a {} bottle on a pedestal, white background', 'product shot of a {} jar on a podium, white background'),
         'studio': ('plain {} studio backdrop', 'minimal {} background for text'),
         'city': ('the skyline of a {} city at dusk, cinematic', 'skyscrapers under a {} sunset sky'),
         'table': ('a {} mug on a kitchen table in the morning', 'one {} apple on a wooden table, bright kitchen'),
         'road': ('a {} car on the highway at sunset', '{} sports car driving, road movie, evening'),
         'people': ('two people walking under a {} sunset', 'silhouettes of a family, {} evening sky'),
         'window': ('sunlight through a window onto a {} wall, calm', 'soft shadows of a window, {} wall, interior brand')}
SECOND = {'bokeh': 'black', 'gradient': 'black', 'rays': 'black', 'smoke': 'black', 'product': 'white'}
MOTIONS = {'left': 'moving left', 'right': 'moving right', 'up': 'rising'}
THINGS = ['bottle', 'jar', 'can', 'box', 'phone', 'glass', 'fruit', 'sneaker', 'mug']
CLASSES = {'sneaker': 'shoe', 'mug': 'cup'}
TIMES = [('sea', 'ocean'), ('mountain', 'mountains'), ('city', 'city skyline'), ('people', 'people on a hill')]
SHAPES = ['wide', 'tall', 'square']


def prompts():
    """List of dicts: kind, prompt, shape, seed, scene and what is asked."""
    jobs, colours = [], list(COLOURS)

    def add(kind, prompt, scene, **asked):
        n = len(jobs)
        jobs.append(dict(kind=kind, prompt=prompt, scene=scene, shape=SHAPES[(n + n // 8) % 3], seed=9000 + n, **asked))

    for scene in SCENES:
        for form in FORMS[scene]:
            for colour, word in COLOURS.items():
                add('colour', form.format(word), scene, color=colour)
    for scene in SCENES:
        for motion, words in MOTIONS.items():
            add('motion', f"{FORMS[scene][0].format('blue')}, {words}", scene, motion=motion)
    for i in range(54):
        thing = THINGS[i % 9]
        wall = ['white', 'black', 'teal'][i % 3]
        add('object', f'a {COLOURS[colours[i * 3 % 8]]} {thing} on a pedestal, {wall} background', 'product', object=CLASSES.get(thing, thing))
    for i in range(32):
        time, (scene, word) = ['sunset', 'sunrise', 'night', 'day'][i % 4], TIMES[i // 4 % 4]
        add('time', f'{word} at {time}', scene, time=time)
    walls = ['black', 'white', 'pink', 'emerald', 'golden', 'blue']
    for i in range(90):
        thing, colour = THINGS[i % 9], colours[(i * 5 + i // 8) % 8]
        word, said = COLOURS[colour], [w for w in walls if w != COLOURS[colour]]
        form = ('product shot of a {} {}, {} backdrop', 'one {} {} on a podium before a {} wall', 'a {} {} on an oak kitchen table, {} wall')[i // 9 % 3]
        add('object', form.format(word, thing, said[i % len(said)]), ('product', 'product', 'table')[i // 9 % 3], object=CLASSES.get(thing, thing))
    return jobs


if __name__ == '__main__':
    print(len(prompts()))
