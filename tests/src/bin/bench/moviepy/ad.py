"""The reference ad of the bench in MoviePy 2, as its documentation does such things. Runs in the folder of the assets.

MoviePy can't measure loudness: the music is made as loud as -14 LUFS asks for by a factor found beforehand.
"""

from moviepy import AudioFileClip, CompositeVideoClip, ImageClip, VideoFileClip, afx, vfx

SHAPES = [("wide", 1920, 1080), ("tall", 1080, 1920), ("square", 1080, 1080)]
GAIN = 1.9

for name, w, h in SHAPES:
    source = VideoFileClip("source.mp4", audio=False)
    part = min(1080 * w // h, 1920) // 2 * 2
    film = source.cropped(x_center=source.w / 2, y_center=source.h / 2, width=part, height=1080)
    if part != w:
        film = film.resized((w, h))
    x, y = w // 20, h // 20
    logo = ImageClip("logo.png", duration=11.5).with_start(0.5).with_position((x, y))
    logo = logo.with_effects([vfx.CrossFadeIn(0.6)])
    lower = ImageClip("lower.png", duration=11).with_start(1)
    lower = lower.with_position(lambda t, x=x, h=h: (min(x, -860 + t * 1800), h - h // 20 - 170))
    card = ImageClip("card.png", duration=3.5).cropped(x_center=960, y_center=960, width=w, height=h)
    card = card.with_start(11.5).with_effects([vfx.CrossFadeIn(0.5)])
    music = AudioFileClip("music.m4a").subclipped(0, 15)
    music = music.with_effects([afx.MultiplyVolume(GAIN), afx.AudioFadeOut(1)])
    ad = CompositeVideoClip([film, logo, lower, card], size=(w, h)).with_duration(15).with_audio(music)
    ad.write_videofile(
        f"moviepy-{name}.mp4",
        fps=30,
        codec="libx264",
        preset="medium",
        audio_codec="aac",
        audio_bitrate="192k",
        ffmpeg_params=["-crf", "20", "-g", "60", "-bf", "2", "-profile:v", "high", "-pix_fmt", "yuv420p",
                       "-maxrate", "100000k", "-bufsize", "150000k", "-movflags", "+faststart"],
        logger=None,
    )
