"""The words a prompt may use: synonyms of every class, and words around them that mean nothing to the model.

The order of classes is that of attributes.py; phrases are separated by commas.
usage: words.py      the lists as they stand in a model's README
"""

WORDS = {
    'scene': {
        'bokeh': '''bokeh, bokeh lights, bokeh circles, blurred lights, out of focus lights, defocused lights, glowing
            orbs, soft lights, twinkling lights, fairy lights, particles, sparkles, glitter, glowing particles,
            party lights, dots of light, fireflies, lens bokeh, bubbles, lights''',
        'gradient': '''gradient, liquid gradient, gradient flow, abstract gradient, color gradient, fluid gradient, liquid
            shapes, abstract liquid, flowing colors, fluid colors, mesh gradient, lava lamp, aurora, abstract
            background, abstract, blend, flow, liquid, paint flow, ink flow, marble swirl''',
        'sea': '''sea, ocean, sea waves, ocean waves, calm sea, waves, water, seascape, beach horizon, coast, lake,
            ocean horizon, shore, open water, the sea, beach''',
        'rays': '''light rays, rays, god rays, sun rays, beams of light, light beams, sunbeams, shafts of light,
            spotlights, stage lights, volumetric light, rays of light, sunshine, sunlight, beams, stage light,
            concert lights''',
        'mountain': '''mountains, misty mountains, mountain, mountain range, mountain layers, hills, foggy hills, mountain
            landscape, peaks, valley, landscape, layered hills, mountain ridge, alps, rolling hills, desert
            dunes, nature, forest hills, dunes''',
        'silk': '''silk, silk fabric, satin, flowing silk, fabric, cloth, silk waves, satin folds, velvet, waving
            fabric, draped cloth, curtain, textile, silk folds, ribbon, satin fabric''',
        'smoke': '''smoke, swirling smoke, fog, mist, clouds, haze, vapor, smoke clouds, ink in water, steam, smoke
            plumes, wisps, cloud, wisps of smoke, ink cloud, dust cloud''',
        'product': '''product, product shot, product on a pedestal, product photo, packshot''',
        'studio': '''studio backdrop, backdrop, plain background, studio, empty studio, plain wall, solid background,
            simple background, clean background, spotlight on a wall, minimal background, blank background,
            empty stage, studio background, soft spotlight, infinity wall, blank canvas, empty room, minimal
            backdrop, wall, background, spotlight''',
        'window': '''window light, window, sunlight through a window, sunlight through the window, sunlit wall, window
            shadow, window shadows, shadows on a wall, shadows on the wall, leaf shadows, plant shadows, palm
            shadows, shadow of a window, sunny wall, light and shadow, dappled light, light through a window,
            window shadow on a wall, sunlight on a wall''',
        'city': '''city, city skyline, skyline, cityscape, downtown, city at dusk, town, urban skyline, skyscrapers,
            towers, buildings, high rises, metropolis, big city, urban landscape, city buildings, office towers,
            city lights, rooftops, financial district, urban, high rise buildings''',
        'table': '''kitchen table, wooden table, table, breakfast table, dining table, kitchen counter, kitchen, kitchen
            worktop, countertop, oak table, rustic table, table top, wood table, kitchen island, desk, wooden desk,
            dinner table, cafe table, bar counter''',
        'road': '''car, car on a road, car silhouette, driving car, sports car, car driving, sedan, automobile, road,
            highway, open road, vehicle, road trip, car on the highway, driving, motorway, cars, coupe, electric car,
            street, auto, limousine''',
        'people': '''people, silhouettes of people, couple, people walking, family, two people, walking people, friends,
            silhouettes, couple walking, people on a hill, family walking, hikers, distant people, person, persons,
            man and woman, couple silhouette, group of people, people in the distance, men, women, walkers''',
    },
    'object': {
        'bottle': '''bottle, perfume bottle, cosmetic bottle, perfume, fragrance, lotion bottle, shampoo bottle, serum,
            wine bottle, bottles, flask, shampoo, lotion, cologne, wine, vial''',
        'jar': '''jar, cream jar, skincare jar, face cream, jar of cream, cosmetic jar, candle, pot, cream, honey jar,
            jars, skincare, cosmetics, moisturizer, jam''',
        'can': '''can, soda can, drink can, beer can, energy drink, soda, tin, beverage can, cans, beer, cola, tin can,
            aluminium can''',
        'box': '''box, gift box, package, parcel, present, carton, gift, packaging, cube, boxes, shoebox, crate, book,
            packet''',
        'phone': '''phone, smartphone, mobile phone, mobile, cell phone, handset, tablet, phone screen, screen, device,
            smart phone, phones, touchscreen''',
        'glass': '''glass, drink, glass of juice, juice, lemonade, cocktail, tumbler, iced drink, cold drink, smoothie,
            beverage, iced tea, glass of lemonade, mocktail, tall drink, drinks, refreshing drink''',
        'fruit': '''fruit, apple, ripe fruit, fresh fruit, tomato, mango, grapefruit, fruits, pomegranate, juicy fruit,
            nectarine, citrus fruit, orange fruit, plum fruit''',
        'shoe': '''shoe, sneaker, sneakers, shoes, running shoe, trainer, trainers, running shoes, sports shoe, boot,
            footwear, sports shoes, basketball shoe, gym shoe, trail shoe''',
        'cup': '''cup, mug, coffee cup, cup of coffee, coffee mug, mug of coffee, tea cup, cup of tea, espresso,
            cappuccino, hot coffee, coffee, mugs, latte, hot chocolate, teacup, hot drink, cocoa''',
    },
    'color': {
        'red': '''red, crimson, scarlet, ruby, cherry, burgundy, maroon, wine red, bright red, reddish''',
        'orange': '''orange, amber, tangerine, apricot, coral, peach, copper, bronze, bright orange, rust''',
        'gold': '''gold, golden, gilded, yellow, honey colored, champagne, lemon, beige, cream colored, warm gold,
            brass, sand colored, mustard''',
        'green': '''green, emerald, leafy green, lime, mint, olive, jade, forest green, greenish, sage, dark green''',
        'teal': '''teal, turquoise, aqua, cyan, aquamarine, petrol, blue green, sea green''',
        'blue': '''blue, azure, cobalt, navy, sapphire, royal blue, dark blue, midnight blue, light blue, sky blue,
            bluish, indigo, navy blue, ultramarine''',
        'purple': '''purple, violet, lavender, plum, lilac, amethyst, deep purple, mauve''',
        'pink': '''pink, rose, magenta, fuchsia, blush, hot pink, pastel pink, rose pink, pinkish''',
        'white': '''white, snow white, ivory, silver, pearl, platinum, grey, gray, bright white, pale, off white, chrome''',
        'black': '''black, dark, jet black, charcoal, ebony, onyx, pitch black, matte black''',
    },
    'time': {
        'sunset': '''sunset, dusk, golden hour, evening, twilight, sundown, setting sun''',
        'sunrise': '''sunrise, dawn, morning, daybreak, early morning, rising sun''',
        'night': '''night, moonlight, midnight, nighttime, full moon, moonlit night, under the moon, by night''',
        'day': '''day, noon, daytime, midday, clear day, afternoon, sunny day, daylight, bright day, blue sky''',
    },
    'motion': {
        'left': '''drifting left, moving left, to the left, sliding left, pan left, panning left, leftwards, moves
            left, floating left, from right to left, flowing left, left, passing left, tracking left''',
        'right': '''drifting right, moving right, to the right, sliding right, pan right, panning right, rightwards,
            moves right, floating right, from left to right, flowing right, right, passing right, tracking right''',
        'up': '''rising, floating up, moving up, upwards, drifting up, going up, tilt up, levitating, ascending,
            lifting, rises, flowing up, up, soaring''',
        'down': '''falling, moving down, downwards, drifting down, going down, tilt down, descending, sinking, falls,
            flowing down, down, dropping''',
    },
    'camera': {
        'in': '''zoom in, camera zooms in, push in, dolly in, zooming in, slow push in, moving closer, camera moves
            closer, close in, approaching''',
        'out': '''zoom out, camera pulls back, dolly out, zooming out, pull out, pull back, camera moves away, moving
            away, zooms out, reveal''',
    },
}
SYNONYMS = {slot: {name: [' '.join(p.split()) for p in text.split(',')] for name, text in classes.items()}
            for slot, classes in WORDS.items()}
SYNONYMS['second'] = SYNONYMS['color']

# Things that stand on a pedestal without being an object the model draws.
GENERIC = '''
laptop watch bag lipstick headphones glasses handbag object item thing
'''.split()
# Words that may stand anywhere.
FILLERS = '''
cinematic elegant premium luxury soft slow smooth beautiful gentle modern minimal calm relaxing dreamy
atmospheric hd 4k loop looping seamless video clip footage ad advert commercial marketing brand promo teaser
intro high quality detailed realistic stunning warm cool vibrant vivid bright moody dramatic stylish fresh clean
glossy shiny matte subtle shallow depth of field slowly gently softly fast quickly static camera locked shot
still steady handheld 3d render wide close up view scene style aesthetic mood ambient ambience nice great new
best sale summer winter spring autumn holiday christmas offer discount launch for my our your the with and in on
a an of very some amazing professional trending editorial macro lens film photo photograph cinematography
lighting tasteful sophisticated festive romantic cozy energetic happy sad fashion beauty tech music
fitness travel food real estate app shop store website social media instagram story tiktok youtube banner hero
section text overlay title slow motion timelapse
'''.split()
# Words that get an embedding of their own without being in any caption template.
EXTRA = '''
phone laptop watch bag lipstick headphones camera glasses handbag object
item thing something tones palette theme hues shades neon lamps lanterns candles tree trees ice straw windows lit
snow snowy morning evening through warm cold multicolor pastel rainbow colored
'''.split()

# What is said to the model in the place of words that it does not know, or takes for something else: an `orange fruit`, said so in
# the captions whatever its colour, was a fruit of any colour. Into model.yaml; the stage tells when it makes use of it.
SAID_AS = {
    'orange grapefruit': 'oranges, orange fruit, orange fruits, tangerines, mandarin, mandarins, clementine, '
        'clementines, satsumas, sliced orange, orange slice, orange slices',
    'orange grapefruit on': 'an orange on, one orange on, ripe orange on, juicy orange on',
    'yellow mango': 'lemons, lemon fruit, lemon fruits, quinces',
    'green apple': 'limes, lime fruit, pear, pears, melon, melons',
    'red apple': 'strawberry, strawberries, cherries, cherry fruit, raspberries, cranberries, berries',
    'pink grapefruit': 'peaches, peach fruit',
    'purple fruit': 'plums',
    'blue fruit': 'blueberries',
    'gold drink': 'whisky, whiskey, bourbon, rum, cognac, brandy, cider, ale, lager, prosecco, '
        'champagne glasses',
    'white drink': 'milk',
    'orange cocktail': 'spritz, aperol',
    'drink': 'gin, vodka, tonic, wine glasses, cocktail glasses, drinking glasses',
    'glass of': 'glasses of',
    'candle': 'candles',
    'cup of tea': 'hot tea',
    'car': 'van, truck, suv, taxi, cab, hatchback, convertible, roadster',
    'fabric': 'linen, cotton, denim, wool, cashmere, lace, scarf, bedding',
    'shoe': 'heels, sandal, sandals, loafer, loafers, stiletto, stilettos, slipper, slippers',
    'phone': 'iphone, telephone',
    'sea': 'surf, tide, bay, lagoon, harbour, harbor, marina, seaside',
    'people': 'child, children, kid, kids, boy, girl, mother, father, parents, runner, runners, jogger, '
        'joggers, crowd, a woman, the woman, one woman, young woman, happy woman',
    'chocolate': 'milk chocolate',
    'sparkles': 'confetti, fireworks',
    'hills': 'meadow, countryside, vineyard',
}

# What the model knows as words and draws nothing of: GENERIC and EXTRA say that something stands there, FILLERS say nothing. Into
# model.yaml; the stage tells of things wherever they are said, of topics where nothing else of the prompt says a scene: `a beauty brand`
# on a studio backdrop asks for the backdrop. Ice and a straw are drawn, in a glass; windows are, in a city.
NOT_DRAWN = {
    'things': 'watch, laptop, bag, handbag, lipstick, headphones, glasses, tree, trees, plant, forest, island, lamp, lamps, lanterns, '
        'snow, snowy, basketball, face, food on, dinner on, honey on, a camera on',
    'topics': 'food, travel, fashion, beauty, tech, music, fitness, sports, gym, app, shop, store, website, real estate, office, home, '
        'room, cafe, party, concert, christmas, holiday, summer, winter, spring, autumn, sky, sun, rainbow, neon, headlights, '
        'field, desert, hill, palm, leaf, sand, wood, honey, breakfast, ice, straw, hands, windows, object, item, something',
    'except': 'lava lamp, snow white, sky blue, forest green, forest hills, plant shadows, kitchen island, basketball shoe, face cream, '
        'sand colored, honey colored, depth of field',
}


if __name__ == '__main__':
    for slot, classes in SYNONYMS.items():
        if slot != 'second':
            print(f'- **{slot}**: ' + '; '.join(f"`{name}`: {', '.join(phrases)}" for name, phrases in classes.items()))
