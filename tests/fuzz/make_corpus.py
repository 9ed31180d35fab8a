"""Files of weights for tests/t_weights.c and the fuzzers: good ones of every kind that is read, and
bad ones whose names start with "bad_". NumPy and PyTorch write what they can write.
    python3 tests/fuzz/make_corpus.py tests/fuzz/corpus
Every good array holds k/8 - 1/2 for k = 0, 1, ... in C order (integers: k, booleans: k mod 2)."""
import io, json, os, struct, sys, zipfile, zlib
import numpy as np
import torch

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


def zip64(raw, name=b"a.npy", size=None, packed=None, offset=0, record=None, cut=0):
    """A stored member as archives of 4 GiB and more have it: sizes, offset and directory in 64 bits."""
    size = len(raw) if size is None else size
    packed = len(raw) if packed is None else packed
    fields = struct.pack("<HHHHHII", 45, 0, 0, 0, 33, zlib.crc32(raw), 0xffffffff) + b"\xff\xff\xff\xff"
    both = struct.pack("<HHQQ", 1, 16, len(raw), len(raw))
    three = struct.pack("<HHQQQ", 1, 24 - cut, size, packed, offset)[:28 - cut]
    local = b"PK\3\4" + fields + struct.pack("<HH", len(name), len(both)) + name + both + raw
    central = (b"PK\1\2" + struct.pack("<H", 45) + fields + struct.pack("<HHHHHII", len(name), len(three), 0, 0, 0, 0,
                                                                       0xffffffff) + name + three)
    at = len(local)
    end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(central), at)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, at + len(central) if record is None else record, 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0)
    return local + central + end64 + locator + end


def make_npz():
    pair = [("a.npy", npy(values((3, 4)))), ("layer/b.npy", npy(values(5, "<f4")))]
    save("stored.npz", zipped(pair))
    save("deflated.npz", zipped(pair, zipfile.ZIP_DEFLATED))
    save("streamed.npz", zipped(pair, zipfile.ZIP_DEFLATED, unseekable=True))
    save("zip64.npz", zip64(npy(values((3, 4)))))
    f = io.BytesIO()
    np.savez(f, a=values((3, 4)), **{"layer/b": values(5, "<f4")})
    save("numpy.npz", f.getvalue())
    types = ["<f2", "<f4", "<f8", ">f4", ">f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", ">u4",
             "<u8", "|b1"]
    members = [(t.strip("<|").replace(">", "b") + ".npy", npy(values((2, 3), t))) for t in types]
    members += [("fortran.npy", npy(np.asfortranarray(values((3, 4))))), ("scalar.npy", npy(values(()))),
                ("empty.npy", npy(values((0, 3)))), ("readme.txt", b"no array")]
    save("types.npz", zipped(members, zipfile.ZIP_DEFLATED))
    zeros = io.BytesIO()
    np.savez_compressed(zeros, zeros=np.zeros(4000), after=values(3))
    save("zeros.npz", zeros.getvalue())              # matches of the greatest length
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
    save("bad_zip64_record.npz", zip64(raw, record=1 << 40))
    save("bad_zip64_size.npz", zip64(raw, size=1 << 62, packed=1 << 62))
    save("bad_zip64_sizes.npz", zip64(raw, size=len(raw) + (1 << 32)))
    save("bad_zip64_offset.npz", zip64(raw, offset=1 << 63))
    save("bad_zip64_cut.npz", zip64(raw, cut=8))
    two = zipped([("a.npy", raw), ("b.npy", raw)])
    first, second = two.index(b"PK\1\2"), two.rindex(b"PK\1\2")
    same = two.replace(b"b.npy", b"a.npy")
    save("bad_overlap.npz", patched(same[:first] + (same[first:second] * 9) + same[-22:], len(same[:first]) +
         9 * (second - first), b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 9, 9, 9 * (second - first), first, 0)))


# ---- safetensors ---------------------------------------------------------------------------

def tensors_file(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    header, data = {"__metadata__": {"format": "pt", "note": "a \"quoted\" {note}"}}, b""
    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
             "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1"}
    for name, dtype in kinds.items():
        raw = values((2, 3), dtype).tobytes()
        header[name] = entry(name, [2, 3], len(data), len(data) + len(raw))
        data += raw
    raw = (values((2, 3), "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    header["BF16"] = entry("BF16", [2, 3], len(data), len(data) + len(raw))
    data += raw
    header["scalar"] = entry("F64", [], len(data), len(data) + 8)
    data += values(()).tobytes()
    header["empty"] = entry("F32", [0, 3], len(data), len(data))
    header["na\u00efve \U0001f600"] = entry("F32", [2], len(data), len(data) + 8)
    data += values(2, "<f4").tobytes()
    save("types.safetensors", tensors_file(header, data))
    save("padded.safetensors", tensors_file(json.dumps({"a": entry("F64", [3, 4], 0, 96)}, indent=1)
                                            .encode().ljust(256), values((3, 4)).tobytes()))


def make_bad_safetensors():
    a, raw = entry("F64", [2], 0, 16), values(4).tobytes()
    def bad(name, header, data=raw[:16]):
        save("bad_" + name + ".safetensors", tensors_file(header, data))
    good = tensors_file({"a": a}, raw[:16])
    save("bad_cut.safetensors", good[:-1])
    save("bad_tiny.safetensors", good[:7])
    save("bad_length.safetensors", struct.pack("<Q", 2 ** 63) + good[8:])
    save("bad_long.safetensors", struct.pack("<Q", len(good)) + good[8:])
    bad("overlap", {"a": a, "b": entry("F64", [2], 8, 24)}, raw[:24])
    bad("hole", {"a": a, "b": entry("F64", [1], 24, 32)}, raw)
    bad("rest", {"a": a}, raw)
    bad("past", {"a": entry("F64", [4], 0, 32)}, raw[:16])
    bad("backwards", {"a": entry("F64", [1], 0, 8), "b": entry("F64", [1], 8, 0)})
    bad("negative", {"a": entry("F64", [2], 0, -16)})
    bad("shape", {"a": entry("F64", [3], 0, 16)})
    bad("overflow", {"a": entry("F64", [2 ** 32, 2 ** 32, 2], 0, 16)})
    bad("number", {"a": entry("F64", [10 ** 25], 0, 16)})
    bad("twice", b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},'
                 b'"a":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}')
    bad("key_twice", b'{"a":{"dtype":"F64","dtype":"F64","shape":[2],"data_offsets":[0,16]}}')
    bad("no_offsets", {"a": {"dtype": "F64", "shape": [2]}})
    bad("one_offset", {"a": {"dtype": "F64", "shape": [2], "data_offsets": [0]}})
    bad("dtype", {"a": entry("F8_E4M3", [16], 0, 16)})
    bad("rank", {"a": entry("F64", [2] + [1] * 8, 0, 16)})
    bad("nested", b'{"a":' + b'[' * 5000 + b']' * 5000 + b'}')
    bad("metadata", b'{"__metadata__":{"a":1},"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}')
    bad("metadata_twice", b'{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"},'
                          b'"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}')
    bad("control", b'{"a\x01":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}')
    bad("zero", b'{"a\\u0000b":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}')
    bad("escape", b'{"a\\ud800":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}')
    bad("end", b'{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}} x')


# ---- PyTorch -------------------------------------------------------------------------------

def torch_bytes(thing, **more):
    f = io.BytesIO()
    torch.save(thing, f, **more)
    return f.getvalue()


def make_torch():
    torch.manual_seed(0)
    t = {n: torch.from_numpy(values((2, 3), d)) for n, d in
         dict(f8="<f8", f4="<f4", f2="<f2", i8="<i8", i4="<i4", i2="<i2", i1="|i1", u1="|u1", b1="|b1").items()}
    t["bf16"] = torch.from_numpy(values((2, 3), "<f4")).bfloat16()
    t["transposed"] = torch.from_numpy(np.ascontiguousarray(values((3, 4)).T)).t()
    whole = torch.from_numpy(values(20))
    t["view"] = whole[:12].view(3, 4)
    t["tied"] = t["view"]
    t["scalar"], t["empty"] = torch.tensor(-0.5, dtype=torch.float64), torch.zeros(0, 3)
    save("types.pt", torch_bytes(t))
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)).double()
    for q in net.parameters():
        q.data = torch.from_numpy(values(tuple(q.shape)))
    save("net.pt", torch_bytes(net.state_dict()))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(1, 4).double()).sum().backward()
    optimizer.step()
    save("checkpoint.pt", torch_bytes({"model": net.state_dict(), "optimizer": optimizer.state_dict(),
                                       "epoch": 7, "best": 0.5, "big": 1 << 40, "minus": -3, "history": [1, 2.0]}))
    save("parameters.pt", torch_bytes(list(net.parameters())))


def rezipped(data, change):
    """The archive with its members changed by a function of name and bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return zipped([(i.filename, change(i.filename, z.read(i))) for i in z.infolist()])


def make_bad_torch():
    class Thing:
        pass
    good = torch_bytes({"a": torch.from_numpy(values((3, 4)))})
    save("bad_cut.pt", good[:-20])
    save("bad_old.pt", torch_bytes({"a": torch.zeros(2)}, _use_new_zipfile_serialization=False))
    save("bad_module.pt", torch_bytes(torch.nn.Linear(2, 2)))
    def pickle(name, change):
        save("bad_" + name + ".pt", rezipped(good, lambda n, b: change(b) if n.endswith(".pkl") else b))
    pickle("system", lambda b: b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.")
    pickle("opcode", lambda b: b"\x80\x02\x8c\x01a.")
    pickle("empty_stack", lambda b: b"\x80\x02R.")
    pickle("no_mark", lambda b: b"\x80\x02}u.")
    pickle("no_memo", lambda b: b"\x80\x02h\x07.")
    pickle("unfinished", lambda b: b[:-1])
    pickle("text", lambda b: b"\x80\x02X\xff\xff\xff\x7fabc.")
    pickle("itself", lambda b: b"\x80\x02]q\x00h\x00a.")
    lists = b"".join(b"]q" + bytes([i]) + b"(h" + bytes([i - 1]) + b"h" + bytes([i - 1]) + b"e" for i in range(1, 15))
    pickle("laughs", lambda b: b"\x80\x02(]q\x00" + lists + b"t.")
    pickle("offset", lambda b: b.replace(b"K\x00K\x03K\x04", b"K\x01K\x03K\x04"))
    pickle("shape", lambda b: b.replace(b"K\x00K\x03K\x04", b"K\x00K\x0fK\x0f"))
    pickle("huge", lambda b: b.replace(b"K\x00K\x03K\x04\x86", b"K\x00\x8a\x06\xff\xff\xff\xff\xff\x00K\x04\x86")
           .replace(b"K\x04K\x01\x86", b"K\x00K\x00\x86"))
    pickle("stride", lambda b: b.replace(b"K\x04K\x01\x86", b"K\x04\x85"))
    pickle("key", lambda b: b.replace(b"X\x01\0\0\x000", b"X\x01\0\0\x009"))
    pickle("complex", lambda b: b.replace(b"DoubleStorage", b"ComplexDoubleStorage"))
    save("bad_storage.pt", rezipped(good, lambda n, b: b[:40] if n.endswith("data/0") else b))
    save("bad_no_pickle.pt", rezipped(good, lambda n, b: b).replace(b"data.pkl", b"date.pkl"))


# ---- tables and images: seeds for the fuzzer ------------------------------------------------

def make_data():
    save("rows.csv", b"\xef\xbb\xbfx1,x2,class\r\n1.5,-2e-3,red\r\n\r\n0x,1e400,\"bl\"\"ue\"\r\n".replace(b"0x,1e400", b"7,.25"))
    save("plain.csv", b"1;2;0\n3.25;4e2;1\n5;-6;0")
    save("words.csv", b"a\tb\tc\n1\t2\t-1\n3\t4\t1\n")
    images = struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 2, 2) + bytes(range(12))
    labels = struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([2, 0, 1])
    save("digits.idx", struct.pack("<H", len(images)) + images + labels)    # both files: fuzz.c divides them
    save("big_endian.npy", npy(values((2, 3), ">f4")))
    save("fortran.npy", npy(np.asfortranarray(values((3, 4)))))


# ---- what stands behind a checksum, and logs ------------------------------------------------

def make_parts():
    """deflate/ and pickle/: the members of the archives above, as they stand in them."""
    for folder in ("deflate", "pickle", "log"):
        os.makedirs(os.path.join(out, folder), exist_ok=True)
    for name in sorted(os.listdir(out)):
        if not name.endswith((".npz", ".pt")):
            continue
        with open(os.path.join(out, name), "rb") as f:
            data = f.read()
        try:
            members = zipfile.ZipFile(io.BytesIO(data)).infolist()
        except (zipfile.BadZipFile, NotImplementedError):
            continue
        for i, m in enumerate(members):
            at = m.header_offset
            if data[at:at + 4] != b"PK\3\4":
                continue
            at += 30 + sum(struct.unpack_from("<HH", data, at + 26))
            raw, stem = data[at:at + m.compress_size], name.rsplit(".", 1)[0]
            if name.endswith(".pt") and m.filename.endswith("data.pkl"):
                save("pickle/%s.pkl" % stem, raw)
            if name.endswith(".npz") and m.compress_type == zipfile.ZIP_DEFLATED and i == 0 and len(raw) < 5000:
                save("deflate/%s.deflate" % stem, raw)


def make_logs():
    save("log/plain.log", b"step,loss,val_loss,lr\n0,1.5,1.6,0.1\n10,0.5,nan,0.1\n20,,0.7,0.01\n")
    save("log/hash.log", b"# epoch  train_loss  acc\r\n# a word\n 1 0.9 0.5\r\n\n2\t0.8\t0.6\n")
    save("log/charges.log", b"iter;drift;Q1;Q2;sharpness;limit;other\n1;0;1;2;19.5;20;x1\n".replace(b"x1", b"7") + b"2;1e-3;1;2.5;20.5;20;\n")
    save("log/no_step.log", b"loss,lr\n1,2\n")
    save("log/word.log", b"step loss\n1 high\n")
    save("log/few.log", b"step,loss\n1\n")
    save("log/zero.log", b"step,loss\n1,2\n\0\n")


make_data()
make_npz()
make_bad_npz()
make_safetensors()
make_bad_safetensors()
make_torch()
make_bad_torch()
make_parts()
make_logs()
