"""Files of weights for tests/t_weights.c and the fuzzers: good ones of every kind that is read, and
bad ones whose names start with "bad_". NumPy and PyTorch write what they can write.
    python3 tests/fuzz/make_corpus.py tests/fuzz/corpus
Every good array holds k/8 - 1/2 for k = 0, 1, ... in C order (integers: k, booleans: k mod 2)."""
import io, os, struct, sys, zipfile, zlib
import numpy as np

out = sys.argv[1]
DATE = (1980, 1, 1, 0, 0, 0)


def save(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def values(shape, dtype="<f8"):
    k = np.arange(int(np.prod(shape))).reshape(shape)
    kind = np.dtype(dtype).kind
    return (k % 2 if kind == "b" else k if kind in "iu" else k / 8 - 0.5).astype(dtype)


def npy(array):
    f = io.BytesIO()
    np.save(f, array)
    return f.getvalue()


def zipped(members, method=zipfile.ZIP_STORED, level=None, unseekable=False):
    class Pipe(io.BytesIO):                     # cannot seek: sizes follow the data
        def seekable(self):
            return not unseekable
        def seek(self, *a):
            if unseekable:
                raise OSError
            return super().seek(*a)
        def tell(self):
            if unseekable:
                raise OSError
            return super().tell()
    f = Pipe()
    with zipfile.ZipFile(f, "w", method, compresslevel=level) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name, DATE), data, method, level)
    return f.getvalue()


def patched(data, at, new):
    return data[:at] + new + data[at + len(new):]


def deflated(raw, name="a.npy", size=None, packed=None, method=8, flags=0, crc=None):
    """A ZIP of one member whose deflate stream and header fields are given."""
    packed = packed if packed is not None else zlib.compress(raw, 9)[2:-4]
    size = len(raw) if size is None else size
    crc = zlib.crc32(raw) if crc is None else crc
    n = name.encode()
    fields = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(packed), size, len(n), 0)
    local = b"PK\3\4" + fields + n + packed
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + n
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def make_npz():
    pair = [("a.npy", npy(values((3, 4)))), ("layer/b.npy", npy(values(5, "<f4")))]
    save("stored.npz", zipped(pair))
    save("deflated.npz", zipped(pair, zipfile.ZIP_DEFLATED))
    save("streamed.npz", zipped(pair, zipfile.ZIP_DEFLATED, unseekable=True))
    f = io.BytesIO()
    np.savez(f, a=values((3, 4)), **{"layer/b": values(5, "<f4")})
    save("numpy.npz", f.getvalue())
    types = ["<f2", "<f4", "<f8", ">f4", ">f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", ">u4",
             "<u8", "|b1"]
    members = [(t.strip("<|").replace(">", "b") + ".npy", npy(values((2, 3), t))) for t in types]
    members += [("fortran.npy", npy(np.asfortranarray(values((3, 4))))), ("scalar.npy", npy(values(()))),
                ("empty.npy", npy(values((0, 3)))), ("readme.txt", b"no array")]
    save("types.npz", zipped(members, zipfile.ZIP_DEFLATED))
    fixed = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FIXED)
    raw = npy(values((3, 4)))
    save("fixed.npz", deflated(raw, packed=fixed.compress(raw) + fixed.flush()))
    noise = np.random.default_rng(1).standard_normal(3000).astype("<f4").round(1)
    raw = npy(noise)
    flush = zlib.compressobj(6, zlib.DEFLATED, -15)
    blocks = b"".join(flush.compress(raw[i:i + 3000]) + flush.flush(zlib.Z_FULL_FLUSH)
                      for i in range(0, len(raw), 3000)) + flush.flush()
    save("blocks.npz", deflated(raw, name="noise.npy", packed=blocks))
    save("noise.npy", raw)


def make_bad_npz():
    raw = npy(values((3, 4)))
    good = deflated(raw)
    save("bad_cut.npz", good[:-30])
    save("bad_tiny.npz", good[:10])
    save("bad_not_zip.npz", b"this is no archive at all")
    save("bad_encrypted.npz", deflated(raw, flags=1))
    save("bad_method.npz", deflated(raw, method=12))
    save("bad_crc.npz", deflated(raw, crc=1))
    save("bad_size_more.npz", deflated(raw, size=len(raw) + 1))
    save("bad_size_less.npz", deflated(raw, size=len(raw) - 1))
    save("bad_size_huge.npz", deflated(raw, size=0xfffffff0))
    save("bad_stream.npz", deflated(raw, packed=b"\7" + bytes(20)))
    save("bad_far_back.npz", deflated(raw, packed=b"\x03\x02\x00"))
    zeros = b"\x93NUMPY\1\0\x76\0" + (b"{'descr': '|u1', 'fortran_order': False, 'shape': (20000000,), }"
                                     .ljust(117) + b"\n") + bytes(20000000)
    save("bad_bomb.npz", deflated(zeros))
    save("bad_twice.npz", zipped([("a.npy", raw), ("b.npy", raw)]).replace(b"b.npy", b"a.npy"))
    save("bad_object.npz", deflated(raw.replace(b"<f8", b"|O8")))
    save("bad_f16.npz", deflated(raw.replace(b"'<f8', 'fortran_order': False", b"'<f16', 'fortran_order':False")))
    save("bad_short.npz", deflated(raw[:-8]))
    save("bad_shape.npz", deflated(raw.replace(b"(3, 4)", b"(9, 9)")))
    overflow = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }"
    save("bad_overflow.npz", deflated(b"\x93NUMPY\1\0\x76\0" + overflow.ljust(117) + b"\n"))
    stored = zipped([("a.npy", raw)])
    at = stored.index(b"PK\1\2")
    save("bad_two_sizes.npz", patched(stored, at + 24, struct.pack("<I", len(raw) - 8)))
    save("bad_offset.npz", patched(stored, at + 42, struct.pack("<I", 7)))
    save("bad_directory.npz", patched(stored, len(stored) - 6, struct.pack("<I", 0xfffffff)))
    save("bad_count.npz", patched(stored, len(stored) - 12, struct.pack("<H", 9)))
    save("bad_zip64.npz", patched(stored, at + 24, struct.pack("<I", 0xffffffff)))
    two = zipped([("a.npy", raw), ("b.npy", raw)])
    first, second = two.index(b"PK\1\2"), two.rindex(b"PK\1\2")
    same = two.replace(b"b.npy", b"a.npy")
    save("bad_overlap.npz", patched(same[:first] + (same[first:second] * 9) + same[-22:], len(same[:first]) +
         9 * (second - first), b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 9, 9, 9 * (second - first), first, 0)))


make_npz()
make_bad_npz()
