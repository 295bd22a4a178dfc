"""The held-out prompts that a model is judged by: none comes from captions.py. 332 of them, a third in each shape."""
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
         'window': ('sunlight through a window onto a {} wall, calm', 'soft shadows of a window, {} wall, interior brand')}
SECOND = {'bokeh': 'black', 'gradient': 'black', 'rays': 'black', 'smoke': 'black', 'product': 'white'}
MOTIONS = {'left': 'moving left', 'right': 'moving right', 'up': 'rising'}
THINGS = ['bottle', 'jar', 'can', 'box', 'phone', 'glass', 'fruit']
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
    for i in range(42):
        thing = THINGS[i % 7]
        wall = ['white', 'black', 'teal'][i % 3]
        add('object', f'a {COLOURS[colours[i * 3 % 8]]} {thing} on a pedestal, {wall} background', 'product', object=thing)
    for i in range(16):
        time, scene = ['sunset', 'sunrise', 'night', 'day'][i % 4], ['sea', 'mountain'][i // 4 % 2]
        add('time', f"{'ocean' if scene == 'sea' else 'mountains'} at {time}", scene, time=time)
    walls = ['black', 'white', 'pink', 'emerald', 'golden', 'blue']
    for i in range(84):  # last, so that those before keep their seeds
        thing, colour = THINGS[i % 7], colours[(i * 5 + i // 8) % 8]
        word, said = COLOURS[colour], [w for w in walls if w != COLOURS[colour]]
        form = ('product shot of a {} {}, {} backdrop', 'one {} {} on a podium before a {} wall')[i // 7 % 2]
        add('object', form.format(word, thing, said[i % len(said)]), 'product', object=thing)
    return jobs


if __name__ == '__main__':
    print(len(prompts()))
