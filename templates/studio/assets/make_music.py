#!/usr/bin/env python3
"""Makes music/sunny-side.m4a, the example studio's music bed: an original piece, synthesised here note by note.

Sixteen bars at 120 bpm, 32 seconds, D major. Bars are two seconds long, so that spots of 6, 12 or 16 seconds end on a
bar line. Everything that rings past the end comes in again at the start, so the bed can be repeated without a seam.

    python3 make_music.py            needs numpy and the ffmpeg command
"""

import pathlib
import subprocess
import sys
import tempfile
import wave

import numpy as np

RATE = 48_000
BEAT = RATE // 2  # samples in a beat at 120 bpm
BAR = 4 * BEAT
BARS = 16
LENGTH = BARS * BAR
RNG = np.random.default_rng(20261122)

NOTES = {"C": 0, "C#": 1, "D": 2, "D#": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "G#": 8, "A": 9, "A#": 10, "B": 11}


def hertz(name):
    """`F#5` as a frequency."""
    return 440.0 * 2 ** ((NOTES[name[:-1]] + 12 * int(name[-1]) - 57) / 12)


def seconds(length):
    return np.arange(int(length * RATE)) / RATE


class Track:
    """A stereo loop that notes are added to."""

    def __init__(self):
        self.sound = np.zeros((LENGTH, 2))

    def add(self, at, note, gain=1.0, pan=0.0):
        """Adds a mono note at a sample; what passes the end wraps to the start. Pan runs from -1 to 1."""
        left, right = np.cos((pan + 1) * np.pi / 4), np.sin((pan + 1) * np.pi / 4)
        where = (int(at) + np.arange(len(note))) % LENGTH
        np.add.at(self.sound, where, np.stack([note * gain * left, note * gain * right], axis=1))


def at(bar, beat, loose=0.0):
    """The sample of a beat (both from 0), a little early or late as a player would be (in seconds)."""
    return max(0, bar * BAR + beat * BEAT + RNG.normal(0, loose) * RATE)


# ---- instruments ----------------------------------------------------------------------------------------------------


def kalimba(f, hard=1.0):
    """A plucked metal tongue: a round fundamental, a short glassy overtone, the thumb on the wood."""
    t = seconds(1.6)
    body = np.sin(2 * np.pi * f * t) * np.exp(-t * (2.4 + f / 500))
    body += 0.28 * np.sin(2 * np.pi * 2.0 * f * t + 0.4) * np.exp(-t * 5)
    glass = 0.26 * hard * np.sin(2 * np.pi * 5.41 * f * t) * np.exp(-t * 22)
    thumb = 0.10 * np.sin(2 * np.pi * 210 * t) * np.exp(-t * 70)
    return (body + glass + thumb) * np.minimum(t / 0.0015, 1)


def string(f, length=0.7, damp=3.0, bright=1.0):
    """A nylon string plucked near the bridge; overtones die first."""
    t = seconds(length)
    out = np.zeros_like(t)
    for n in range(1, 15):
        if n * f > 12_000:
            break
        stiff = n * f * np.sqrt(1 + 4e-5 * n * n)
        level = np.sin(n * np.pi * 0.21) / n ** (1.7 - 0.45 * bright)
        out += level * np.sin(2 * np.pi * stiff * t) * np.exp(-t * (damp + 0.55 * n * n / bright))
    fade = np.minimum((length - t) / 0.03, 1)
    return out * np.minimum(t / 0.002, 1) * np.clip(fade, 0, 1)


def bell(f):
    """A soft mallet on a bar: the lead."""
    t = seconds(1.4)
    out = np.sin(2 * np.pi * f * t) * np.exp(-t * 3.6)
    out += 0.33 * np.sin(2 * np.pi * 3.93 * f * t) * np.exp(-t * 13)
    out += 0.10 * np.sin(2 * np.pi * 9.2 * f * t) * np.exp(-t * 34)
    out += 0.22 * np.sin(2 * np.pi * 0.5 * f * t) * np.exp(-t * 5)
    return out * np.minimum(t / 0.002, 1)


def bass(f, length):
    t = seconds(length)
    tone = np.sin(2 * np.pi * f * t) + 0.42 * np.sin(4 * np.pi * f * t) * np.exp(-t * 5)
    tone += 0.20 * np.sin(6 * np.pi * f * t) * np.exp(-t * 9)
    envelope = np.minimum(t / 0.006, 1) * np.exp(-t * 1.9) * np.clip((length - t) / 0.05, 0, 1)
    return np.tanh(1.5 * tone * envelope)


def kick():
    t = seconds(0.32)
    sweep = 47 * t + (105 / 26) * (1 - np.exp(-26 * t))
    return np.sin(2 * np.pi * sweep) * np.exp(-t * 11) * np.minimum(t / 0.001, 1) + 0.2 * noise(0.32, 1800, 6000) * np.exp(-t * 300)


def noise(length, low, high):
    """Noise between two frequencies."""
    n = int(length * RATE)
    spectrum = np.fft.rfft(RNG.normal(0, 1, n))
    f = np.fft.rfftfreq(n, 1 / RATE)
    spectrum *= 1 / (1 + (low / np.maximum(f, 1)) ** 6) / (1 + (f / high) ** 6)
    out = np.fft.irfft(spectrum, n)
    return out / np.max(np.abs(out))


def clap():
    t = seconds(0.26)
    hands = sum(np.where(t >= d, np.exp(-(t - d) * (95 if d < 0.02 else 22)), 0) for d in (0, 0.009, 0.017, 0.026))
    return noise(0.26, 950, 4200) * hands * 0.6


def snap():
    t = seconds(0.14)
    return noise(0.14, 1700, 5200) * np.exp(-t * 55) + 0.35 * np.sin(2 * np.pi * 1350 * t) * np.exp(-t * 75)


def shake(hard):
    t = seconds(0.075)
    return noise(0.075, 5200, 13_000) * np.sin(np.pi * np.minimum(t / 0.075, 1)) ** (2.2 - hard)


def pad(chord, length):
    """A warm chord of slightly detuned voices; left and right differ."""
    t = seconds(length)
    sides = []
    for spread in (-1, 1):
        out = np.zeros_like(t)
        for name in chord:
            for cents in (-5, 4):
                f = hertz(name) * 2 ** ((cents + spread * 2.5) / 1200)
                phase = RNG.uniform(0, 2 * np.pi)
                for n in range(1, 7):
                    out += np.sin(2 * np.pi * n * f * t + phase * n) / n**1.9
        sides.append(out * np.clip(np.minimum(t / 0.35, (length - t) / 0.35), 0, 1))
    return np.stack(sides, axis=1)


# ---- the piece ------------------------------------------------------------------------------------------------------

CHORDS = {  # the strings from low to high, the pad, the root of the bass
    "D": (("A3", "D4", "F#4", "A4", "E5"), ("D3", "A3", "E4", "F#4"), "D2"),
    "Bm": (("B3", "D4", "F#4", "A4", "D5"), ("B2", "F#3", "A3", "D4"), "B1"),
    "G": (("B3", "D4", "G4", "A4", "D5"), ("G2", "D3", "A3", "B3"), "G1"),
    "A": (("A3", "C#4", "E4", "A4", "D5"), ("A2", "E3", "B3", "C#4"), "A1"),
}
SONG = ["D", "Bm", "G", "A"] * 3 + ["G", "A", "Bm", "D"]

# Notes of the plucked figure by their place in the chord, one per eighth; None is a rest.
FIGURE = [(0, 3, 2, 4, None, 3, 2, 3), (0, 3, 2, 4, 1, None, 3, 2)]

# The lead: (beat, note) per bar.
TUNE = [
    [(0, "F#5"), (0.5, "A5"), (1.5, "F#5"), (2.5, "E5"), (3, "D5")],
    [(0, "D5"), (0.5, "F#5"), (1.5, "B5"), (2.5, "A5"), (3.5, "F#5")],
    [(0, "B5"), (1, "A5"), (1.5, "F#5"), (2.5, "D5"), (3, "E5")],
    [(0, "E5"), (1.5, "F#5"), (2, "E5"), (3, "C#5")],
]
LAST = [
    [(0, "B5"), (0.5, "D6"), (1.5, "B5"), (2.5, "A5"), (3, "F#5")],
    [(0, "A5"), (0.5, "C#6"), (1.5, "A5"), (2.5, "E5"), (3, "F#5")],
    [(0, "F#5"), (0.5, "B5"), (1.5, "A5"), (2.5, "F#5"), (3, "E5")],
    [(0, "D5"), (0.5, "F#5"), (1, "A5"), (1.5, "D6")],
]
STOP = BARS - 1  # in the last bar everybody stops after the second beat, and the room falls quiet before the repeat


def plucked(track):
    for bar, name in enumerate(SONG):
        strings = CHORDS[name][0]
        for eighth, place in enumerate(FIGURE[bar % 2]):
            if place is None or (bar == STOP and eighth >= 4):
                continue
            hard = 1.0 if eighth % 2 == 0 else 0.72
            note = kalimba(2 * hertz(strings[place]), hard)
            track.add(at(bar, eighth / 2, 0.003), note, 0.27 * hard * RNG.uniform(0.88, 1.08), (-0.3, 0.32)[eighth % 2])


def strummed(track):
    """Down on the beat, up between; from bar 3."""
    for bar in range(2, BARS):
        strings = CHORDS[SONG[bar]][0]
        for beat, down, level in [(0, True, 0.8), (1, True, 1), (1.5, False, 0.6), (2.5, False, 0.75), (3, True, 1), (3.5, False, 0.6)]:
            if bar == STOP and beat > 1.5:
                continue
            ring = 0.9 if (bar == STOP and beat == 1.5) else 0.42
            start = at(bar, beat, 0.003)
            for i, name in enumerate(strings if down else strings[::-1]):
                gain = 0.16 * level * RNG.uniform(0.85, 1.1)
                track.add(start + i * (0.011 if down else 0.008) * RATE, string(hertz(name), ring, 5.5, 0.9 + 0.3 * level), gain, 0.3)


def lead(track):
    for first, bars in ((4, TUNE), (8, TUNE), (12, LAST)):
        for bar, notes in enumerate(bars):
            for beat, name in notes:
                when = at(first + bar, beat, 0.004)
                track.add(when, bell(hertz(name)), 0.26, -0.12)
                if first >= 8:  # the second time an octave higher joins in, softly
                    track.add(when + 0.006 * RATE, kalimba(2 * hertz(name)), 0.07, 0.4)


def low(track):
    for bar in range(2, BARS):
        root = hertz(CHORDS[SONG[bar]][2])
        root *= 2 if root < 50 else 1  # small loudspeakers end at 60 Hz
        for beat, times, length in [(0, 1, 0.62), (1.5, 1, 0.22), (2, 1, 0.42), (3, 2, 0.2), (3.5, 1.5, 0.2)]:
            if bar == STOP and beat >= 2:
                continue
            track.add(at(bar, beat, 0.002), bass(root * times, length), 0.25)


def beat(track):
    thump = kick()
    for bar in range(BARS):
        for quarter in range(4):
            if bar == STOP and quarter >= 2:
                continue
            if bar >= 2:
                track.add(at(bar, quarter), thump, 0.50 if quarter % 2 == 0 else 0.42)
            if quarter % 2 == 1:
                track.add(at(bar, quarter, 0.002), clap() if bar >= 4 else snap(), 0.40 if bar >= 4 else 0.26, 0.1)
            for sixteenth in range(4):
                hard = (0.55, 0.25, 1.0, 0.3)[sixteenth] * RNG.uniform(0.8, 1.1)
                late = 0.012 if sixteenth % 2 else 0  # a light swing
                track.add(at(bar, quarter + sixteenth / 4, 0.002) + late * RATE, shake(hard), 0.17 * hard, -0.35)
    for bar in (3, 7, 11):  # a turn into the next part
        for i in range(3):
            track.add(at(bar, 3.25 + i / 4), snap(), 0.10 + 0.03 * i, -0.2 + 0.2 * i)


def warm(track):
    for bar, name in enumerate(SONG):
        length = 1.0 if bar == STOP else 2.2
        chord = pad(CHORDS[name][1], length)
        where = (bar * BAR + np.arange(len(chord))) % LENGTH
        np.add.at(track.sound, where, chord * (0.016 if bar < 2 else 0.021))


# ---- the mix --------------------------------------------------------------------------------------------------------


def room(sound, length, dark):
    """A reverb that goes round: the tail of the end is in the start."""
    t = seconds(length)
    out = np.empty_like(sound)
    f = np.fft.rfftfreq(LENGTH, 1 / RATE)
    for side in range(2):
        tail = RNG.normal(0, 1, len(t)) * np.exp(-t * 6.9 / length) * np.minimum(t / 0.012, 1)
        spectrum = np.fft.rfft(tail, LENGTH)
        spectrum *= 1 / (1 + (f / dark) ** 2) / (1 + (260 / np.maximum(f, 1)) ** 4)
        spectrum /= np.sqrt(np.mean(np.abs(spectrum) ** 2))
        out[:, side] = np.fft.irfft(np.fft.rfft(sound[:, side]) * spectrum, LENGTH)
    return out


def airy(sound):
    """Four decibels more above 3 kHz."""
    f = np.fft.rfftfreq(LENGTH, 1 / RATE)
    shelf = 1 + 0.6 / (1 + (3000 / np.maximum(f, 1)) ** 2)
    return np.fft.irfft(np.fft.rfft(sound, axis=0) * shelf[:, None], LENGTH, axis=0)


def pumped(sound, depth):
    """Everything soft steps back a little for the kick."""
    t = np.arange(LENGTH) % BEAT / RATE
    curve = 1 - depth * np.exp(-t * 9)
    curve[: 2 * BAR] = 1
    return sound * curve[:, None]


def main():
    parts = {}
    for part in (plucked, strummed, lead, low, beat, warm):
        parts[part.__name__] = Track()
        part(parts[part.__name__])
    dry = {name: track.sound for name, track in parts.items()}
    dry["warm"] = pumped(dry["warm"], 0.55)
    dry["plucked"] = pumped(dry["plucked"], 0.15)
    send = dry["plucked"] * 0.5 + dry["lead"] * 0.6 + dry["strummed"] * 0.3 + dry["warm"] * 0.5 + dry["beat"] * 0.06
    mix = sum(dry.values()) + 0.30 * room(send, 1.1, 5200)
    mix = airy(mix)
    mix = np.tanh(1.2 * mix / np.max(np.abs(mix)))  # a little tape
    mix *= 0.5 / np.max(np.abs(mix))

    target = pathlib.Path(__file__).parent / "music" / "sunny-side.m4a"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "bed.wav"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(RATE)
            dither = RNG.triangular(-1, 0, 1, mix.shape)
            out.writeframes(np.round(mix * 32767 + dither).astype("<i2").tobytes())
        gain = -16.0 - loudness(path)
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", path, "-af", f"volume={gain:.2f}dB", "-c:a", "aac", "-b:a", "160k",
             "-fflags", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart", target],
            check=True,
        )
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB, {loudness(target):.1f} LUFS", file=sys.stderr)


def loudness(path):
    report = subprocess.run(
        ["ffmpeg", "-hide_banner", "-i", path, "-af", "ebur128", "-f", "null", "-"], capture_output=True, text=True, check=True
    ).stderr
    return float(report.rsplit("I:", 1)[1].split()[0])


if __name__ == "__main__":
    main()
