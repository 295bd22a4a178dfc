"""Free-form captions from attributes, and the word-level tokenizer.

Captions vary in synonyms, word order, ignored adjectives, unknown words and punctuation. The tokenizer lower-cases and
splits on everything that is not a letter or digit; [PAD]=0, [UNK]=1, [CLS]=2 comes first.
"""
from attributes import LANDSCAPES, SLOTS
from words import EXTRA, FILLERS, GENERIC, SYNONYMS

STANDS = ['on a pedestal', 'on a podium', 'on a stand', 'on a plinth', 'product shot', 'on display', 'standing on a platform']
TABLES = ['on a {}', 'on the {}', 'standing on a {}', 'on a bright {}', 'in the {}', 'on my {}', 'at a {}']
KITCHENS = ['in a kitchen', 'in a bright kitchen', 'at breakfast', 'with a window behind', 'by the window', 'blurred kitchen behind', 'at home']
SHOTS = ['product shot of a', 'packshot of', 'photo of a', 'advert for a', 'hero shot of the', 'commercial for']
WALLS = ['on {} background', '{} background', 'on a {} background', 'against a {} backdrop', '{} backdrop', 'with {} background',
         'over {}', 'on {}', 'background {}', 'in front of a {} wall', 'before a {} wall', '{} wall', '{} wall behind', '{} set']
TONES = ['background', 'backdrop', 'tones', 'palette', 'theme', 'hues', 'shades', '', 'mood', 'style', 'luxury', 'brand']
ASIDES = {
    'mountain': (.25, ['in the mist', 'in fog', 'with mist', 'in the morning mist', 'with clouds', 'in the clouds',
                       'under a cloudy sky', 'with fog', 'in the snow', 'with trees']),
    'sea': (.1, ['in the mist', 'with clouds', 'cloudy sky', 'with soft light', 'with sunlight']),
    'city': (.3, ['with lit windows', 'with lights', 'in the haze', 'seen from afar', 'from above', 'with glowing windows', 'under clouds',
                  'in the mist', 'with neon', 'aerial']),
    'road': (.35, ['on a road', 'on the highway', 'on an open road', 'in the desert', 'with mountains behind', 'through the hills',
                   'along the coast', 'in silhouette', 'silhouette', 'by the sea', 'headlights on']),
    'people': (.4, ['on the beach', 'on a hill', 'on a beach', 'in silhouette', 'in front of the sun', 'in the distance', 'by the sea',
                    'in the mountains', 'holding hands', 'under a big sun', 'in a field']),
    'table': (.25, KITCHENS),
    'rays': (.15, ['through fog', 'through clouds', 'in the fog', 'through haze', 'through smoke', 'through trees'])}
JOINTS = [' ', ' ', ', ', ', ', '. ', ' - ', ' with ', ' and ']
SYLLABLES = 'ba ke lo mi ru sa te vo zu fen gar hol jin kro lux mar nex ori pla que ros tri umb vel wex yor zan'.split()


def pick(r, words):
    return words[int(r.integers(len(words)))]


def unknown(r):
    return ''.join(pick(r, SYLLABLES) for _ in range(int(r.integers(1, 4))))


def filler(r, most=3):
    return [pick(r, FILLERS) if r.random() < .8 else unknown(r) for _ in range(int(r.integers(0, most + 1)))]


class Words:
    """One synonym for each attribute that a caption mentions."""

    def __init__(self, a, r):
        said = lambda slot: pick(r, SYNONYMS[slot][a[slot]]) if a[slot] != 'none' else ''
        self.colour, self.second, self.object = said('color'), said('second'), said('object')
        self.time, self.motion, self.camera = said('time'), said('motion'), said('camera')
        self.adjective = pick(r, FILLERS) + ' ' if r.random() < .2 else ''


def of_product(w, r):
    if w.object:
        head = f'{w.adjective}{w.colour} {w.object}' if r.random() < .8 or not w.colour else f'{w.object} in {w.colour}'
        q = r.random()
        return head + ' ' + pick(r, STANDS) if q < .45 else pick(r, SHOTS) + ' ' + head if q < .6 else 'a ' + head if q < .7 else head
    if r.random() < .6:
        return f"{w.colour} {pick(r, GENERIC) if r.random() < .7 else unknown(r)} {pick(r, STANDS[:4] + STANDS[5:6])}"
    return f"{w.colour} {pick(r, SYNONYMS['scene']['product'])}"


def of_table(w, r):
    where = pick(r, TABLES).format(pick(r, SYNONYMS['scene']['table']))
    if not w.object:
        return where.split(' ', 2)[-1] if r.random() < .5 else where
    head = f'{w.adjective}{w.colour} {w.object}' if r.random() < .85 or not w.colour else f'{w.object} in {w.colour}'
    q = r.random()
    return f'a {head} {where}' if q < .4 else f'{pick(r, SHOTS)} {head} {where}' if q < .5 else f'{where}, {head}' if q < .6 else f'{head} {where}'


def of_road(w, r):
    """The colour is the car's, not the sky's."""
    name, q = pick(r, SYNONYMS['scene']['road']), r.random()
    when = f"{pick(r, ['at', 'at', 'in the', 'during', 'under a', ''])} {w.time}" if w.time else ''
    return f'{w.adjective}{w.colour} {name} {when}' if q < .8 else f"{w.time} {pick(r, ['', ',', 'drive,'])} {w.colour} {name}"


def of_landscape(scene, w, r):
    name, q = pick(r, SYNONYMS['scene'][scene]), r.random()
    if w.time and q < .5:
        if r.random() < .6:
            return f"{name} {pick(r, ['at', 'at', 'during', 'in', ''])} {pick(r, ['', '', 'a', 'the'])} {w.colour} {w.time}"
        return f"{w.adjective}{w.colour} {name} {pick(r, ['at', 'in', ''])} {w.time}"
    if w.time:
        over = pick(r, ['over', 'over the', 'above the', 'on', ''])
        return f'{w.colour} {w.time} {over} {name}' if q < .85 else f'{w.colour} {name} {w.time}'
    return f'{w.adjective}{w.colour} {name}' if q < .8 or not w.colour else f'{name} with {w.colour} sky'


def of_colours(w, r):
    """No scene at all: colours or unknown words, which the model reads as a gradient."""
    tone, around = pick(r, TONES), ' '.join(filler(r, 3) + [unknown(r)] * int(r.integers(0, 3)))
    if w.colour and w.second:
        return f'{w.colour} and {w.second} {tone}' if r.random() < .6 else f'{around} {tone} in {w.colour} and {w.second}'
    if w.colour or w.second:
        return f"{around} {w.colour or w.second} {tone if tone not in ('background', 'backdrop') else ''}"
    return around or pick(r, FILLERS)


def of_pair(scene, w, r):
    name, q = pick(r, SYNONYMS['scene'][scene]), r.random()
    if not (w.colour and w.second):
        return f'{w.colour or w.second} {name}'
    if q < .6:
        return f"{w.colour} {pick(r, ['and', 'to', 'and', '&', 'with', ''])} {w.second} {name}"
    form = '{} of {} and {}' if q < .75 else '{}, {} and {}' if q < .9 else '{} from {} to {}'
    return form.format(name, w.colour, w.second)


def of_scene(scene, w, r):
    name, q = pick(r, SYNONYMS['scene'][scene]), r.random()
    return f'{w.adjective}{w.colour} {name}' if q < .75 or not w.colour else f'{name} in {w.colour}' if q < .88 else f'{name}, {w.colour}'


def caption(a, r):
    """A prompt that says the attributes `a` (class names; 'none' is not said)."""
    scene, w, extra, second_said = a['scene'], Words(a, r), [], False
    if scene == 'product' or scene == 'none' and w.object:
        head = of_product(w, r)
    elif scene == 'table':
        head = of_table(w, r)
    elif scene == 'road':
        head = of_road(w, r)
    elif scene in LANDSCAPES:
        head = of_landscape(scene, w, r)
    elif scene == 'gradient' and r.random() < .3:
        head, second_said = of_colours(w, r), True
    elif scene == 'gradient' or scene == 'silk' and w.second:
        head, second_said = of_pair(scene, w, r), True
    elif scene == 'none':
        head = w.colour and f'{w.colour} {pick(r, FILLERS)}'
    else:
        head = of_scene(scene, w, r)
    share, asides = ASIDES.get(scene, (0, None))
    if r.random() < share:
        extra.append(pick(r, asides))
    if w.second and not second_said:
        extra.append(pick(r, WALLS).format(w.second))
    if w.motion in ('left', 'right', 'up', 'down'):
        head = f"{head} {pick(r, ['going', 'drifting', 'moving', 'flowing', 'camera pans'])} {w.motion}"
    elif w.motion and r.random() < .6:
        head = f'{head} {w.motion}'
    elif w.motion:
        extra.append(w.motion)
    if w.camera:
        extra.append(w.camera)
    return joined(head, extra, r)


def joined(head, extra, r):
    """The parts in some order, fillers between them."""
    extra += [' '.join(filler(r, 2)) for _ in range(2) if r.random() < .35]
    r.shuffle(extra)
    parts = [head] + extra
    if len(parts) > 1 and r.random() < .2:
        parts = parts[1:2] + [head] + parts[2:]
    if r.random() < .3:
        parts = [' '.join(filler(r, 3))] + parts
    text = ''
    for part in (' '.join(str(p).split()) for p in parts):
        if part:
            text += (pick(r, JOINTS) if text else '') + part
    return text if r.random() < .7 else text.capitalize()


def caption_attributes(r):
    """Attributes for training on text alone: more combinations than the clips have."""
    a = {slot: 'none' for slot in SLOTS}
    if (q := r.random()) < .03:
        return a
    scene = 'gradient' if q < .05 else pick(r, SLOTS['scene'][1:]) if r.random() < .8 else 'product'
    a['scene'], colours = scene, SLOTS['color'][1:]
    if r.random() < .8:
        a['color'] = pick(r, colours)
    if scene in ('bokeh', 'gradient', 'rays', 'smoke', 'product') and r.random() < .6 or scene in ('silk', 'table') and r.random() < .3:
        a['second'] = pick(r, [c for c in colours if c != a['color']])
    if scene in ('gradient', 'silk') and a['color'] == 'none':
        a['second'] = 'none'
    for slot, share, scenes in (('object', .93, ['product', 'table']), ('time', .75, LANDSCAPES), ('motion', .35, None), ('camera', .25, None)):
        if (scenes is None or scene in scenes) and r.random() < share:
            a[slot] = pick(r, SLOTS[slot][1:])
    return a


def vocabulary():
    words = set(FILLERS)
    for classes in SYNONYMS.values():
        for phrases in classes.values():
            for phrase in phrases:
                words |= set(phrase.lower().split())
    words |= set('''background backdrop pedestal podium stand plinth table display platform against front wall set shot from to
        at over above during hero pans going flowing standing sky before wall bright my kitchen breakfast home behind holding hands field desert coast highway hill
        hills distance big haze afar aerial headlights advert packshot photo commercial lights colors colored colour
        colours colorful'''.split())
    return ['[PAD]', '[UNK]', '[CLS]'] + sorted(w for w in words if w.isalnum()) + sorted(set(EXTRA) - words)


def make_tokenizer():
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary())}, unk_token='[UNK]'))
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Split(Regex('[^\\p{L}\\p{N}]+'), 'removed')
    t.post_processor = processors.TemplateProcessing(single='[CLS] $A', special_tokens=[('[CLS]', 2)])
    t.enable_padding(length=32, pad_id=0, pad_token='[PAD]')
    t.enable_truncation(32)
    return t
