#!/bin/sh
# Makes the black pictures that fills show, one key frame of each codec as a sample holds it. Needs FFmpeg (made with
# 5.1 of Debian 12: libx264, libvpx, libaom) and Python 3. The same versions give the same bytes.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
black() {
    out=$1
    shift
    ffmpeg -v error -nostdin -y -f lavfi -i color=black:size=256x144:rate=1:duration=1,format=yuv420p \
        -frames:v 1 -threads 1 -flags +bitexact -fflags +bitexact "$@" "$work/$out"
}
black h264.h264 -c:v libx264 -profile:v baseline -preset veryslow -qp 20 -bsf:v filter_units=remove_types=6
black vp8.ivf -c:v libvpx -crf 10 -b:v 100k
black vp9.ivf -c:v libvpx-vp9 -profile:v 0 -crf 20 -b:v 0
black av1.ivf -c:v libaom-av1 -cpu-used 4 -crf 20 -b:v 0
python3 - "$work" <<'PY'
import re
import sys
from pathlib import Path

work = Path(sys.argv[1])
# H264: Annex B to NAL units behind their lengths (ISO/IEC 14496-15 5.3.3).
units = [u for u in re.split(rb"\x00\x00\x00?\x01", (work / "h264.h264").read_bytes()) if u]
Path("h264.bin").write_bytes(b"".join(len(u).to_bytes(4, "big") + u for u in units))
for codec in ("vp8", "vp9", "av1"):
    ivf = (work / f"{codec}.ivf").read_bytes()
    size = int.from_bytes(ivf[32:36], "little")
    frame = ivf[44:44 + size]
    # AV1: without the temporal delimiter (AV1-ISOBMFF 2.4).
    Path(f"{codec}.bin").write_bytes(frame.removeprefix(b"\x12\0") if codec == "av1" else frame)
PY
