"""Calls libfreefare for a test.

usage: freefare.py CONNSTRING

Each line on standard input is the name of a function of libfreefare without
mifare_desfire_, and its arguments: numbers, bytes as hexadecimal digits, keys as
des:, 2k3des:, 3k3des: or aes: and digits, the last with /VERSION, an empty name as -. Each is
answered by a line: "ok" and what the function gave out, "refused XX" with the
card's status, or "failed" and what the library says.
"""

import ctypes as c
import sys

nfc = c.CDLL("libnfc.so.6")
freefare = c.CDLL("libfreefare.so.0")
P = c.c_void_p


def function(library, name, result, *arguments):
    f = getattr(library, name)
    f.restype, f.argtypes = result, arguments
    return f


nfc_init = function(nfc, "nfc_init", None, c.POINTER(P))
nfc_open = function(nfc, "nfc_open", P, P, c.c_char_p)
nfc_close = function(nfc, "nfc_close", None, P)
get_tags = function(freefare, "freefare_get_tags", c.POINTER(P), P)
get_uid = function(freefare, "freefare_get_tag_uid", c.c_char_p, P)
get_name = function(freefare, "freefare_get_tag_friendly_name", c.c_char_p, P)
strerror = function(freefare, "freefare_strerror", c.c_char_p, P)
picc_error = function(freefare, "mifare_desfire_last_picc_error", c.c_uint8, P)
pcd_error = function(freefare, "mifare_desfire_last_pcd_error", c.c_uint8, P)


# Arguments that go in. Each takes its words and gives the C arguments.

def number(ctype):
    return lambda words: [(ctype, int(words.pop(0), 0))]


u8, u16, u32, i32 = number(c.c_uint8), number(c.c_uint16), number(c.c_uint32), number(c.c_int32)
off, size, flag, cint = number(c.c_int64), number(c.c_size_t), number(c.c_bool), number(c.c_int)


def aid(words):
    new = function(freefare, "mifare_desfire_aid_new", P, c.c_uint32)
    return [(P, new(int(words.pop(0), 16)))]


def key(words):
    spec = words.pop(0)
    if spec == "none":
        return [(P, None)]
    kind, value = spec.split(":")
    value, _, version = value.partition("/")
    value = bytes.fromhex(value)
    if kind == "aes":
        new = function(freefare, "mifare_desfire_aes_key_new_with_version", P, c.c_char_p, c.c_uint8)
        return [(P, new(value, int(version or "0", 16)))]
    kind = {"des": "des", "2k3des": "3des", "3k3des": "3k3des"}[kind]
    return [(P, function(freefare, "mifare_desfire_%s_key_new_with_version" % kind, P, c.c_char_p)(value))]


def data(words):
    b = bytes.fromhex(words.pop(0))
    return [(c.c_size_t, len(b)), (c.c_char_p, b)]


def name(words):
    b = bytes.fromhex(words.pop(0).replace("-", ""))
    return [(c.c_char_p, b), (c.c_size_t, len(b))]


def ats(words):
    return [(c.c_char_p, bytes.fromhex(words.pop(0)))]


# Arguments that come out: how much room, and how what is there reads.

class Out:
    def __init__(self, room, show):
        self.room, self.show = room, show


def little(b, n):
    return str(int.from_bytes(b[:n], "little"))


def settings(b, n):
    """struct mifare_desfire_file_settings, a union behind 4 bytes"""
    word = lambda i: int.from_bytes(b[4 + 4 * i:8 + 4 * i], "little", signed=True)
    words = {2: [word(0), word(1), word(2), b[16]], 0: [word(0)], 1: [word(0)]}.get(b[0], [word(0), word(1), word(2)])
    return " ".join(["type=%d mode=%d rights=%02x%02x" % (b[0], b[1], b[3], b[2])] + [str(w) for w in words])


def listed(b, item):
    """a pointer to an array and the number of its elements"""
    array, count = (int.from_bytes(b[i:i + 8], "little") for i in (0, 8))
    return " ".join(item(array, i) for i in range(count)) or "none"


def aids(b, n):
    get = function(freefare, "mifare_desfire_aid_get_aid", c.c_uint32, P)
    return listed(b, lambda a, i: "%06x" % get(c.cast(a, c.POINTER(P))[i]))


def names(b, n):
    """struct mifare_desfire_df: aid, fid, name, length"""
    def item(a, i):
        df = c.string_at(a + 32 * i, 32)
        return "%06x:%04x:%s" % (int.from_bytes(df[:4], "little"), int.from_bytes(df[4:6], "little"), df[6:6 + df[24]].hex())
    return listed(b, item)


number8 = Out(1, lambda b, n: "%02x" % b[0])
value = Out(4, lambda b, n: str(int.from_bytes(b[:4], "little", signed=True)))
memory = Out(4, lambda b, n: little(b, 4))
version = Out(28, lambda b, n: b[:28].hex())
uid = Out(8, lambda b, n: c.string_at(int.from_bytes(b[:8], "little")).decode())
content = Out(16384, lambda b, n: b[:n].hex() or "none")  # with room for the MAC, the CRC and padding
two = lambda show: [Out(16, show), None]  # a pointer and a count, in one buffer
files = lambda b, n: listed(b, lambda a, i: "%d" % c.string_at(a, i + 1)[i])
fids = lambda b, n: listed(b, lambda a, i: "%04x" % int.from_bytes(c.string_at(a + 2 * i, 2), "little"))

DATA_FILE = (u8, u8, u16, u32)
RECORD_FILE = (u8, u8, u16, u32, u32)
APPLICATION = (aid, u8, u8)
ISO = (cint, u16, name)

CALLS = {
    "connect": (), "disconnect": (),
    "authenticate": (u8, key), "authenticate_iso": (u8, key), "authenticate_aes": (u8, key),
    "change_key_settings": (u8,), "get_key_settings": (number8, number8),
    "change_key": (u8, key, key), "get_key_version": (u8, number8),
    "create_application": APPLICATION, "create_application_3k3des": APPLICATION, "create_application_aes": APPLICATION,
    "create_application_iso": APPLICATION + ISO, "create_application_3k3des_iso": APPLICATION + ISO,
    "create_application_aes_iso": APPLICATION + ISO,
    "delete_application": (aid,), "select_application": (aid,),
    "get_application_ids": two(aids), "get_df_names": two(names),
    "format_picc": (), "get_version": (version,), "free_mem": (memory,),
    "set_configuration": (flag, flag), "set_default_key": (key,), "set_ats": (ats,), "get_card_uid": (uid,),
    "get_file_ids": two(files), "get_iso_file_ids": two(fids),
    "get_file_settings": (u8, Out(24, settings)), "change_file_settings": (u8, u8, u16),
    "create_std_data_file": DATA_FILE, "create_std_data_file_iso": DATA_FILE + (u16,),
    "create_backup_data_file": DATA_FILE, "create_backup_data_file_iso": DATA_FILE + (u16,),
    "create_value_file": (u8, u8, u16, i32, i32, i32, u8),
    "create_linear_record_file": RECORD_FILE, "create_linear_record_file_iso": RECORD_FILE + (u16,),
    "create_cyclic_record_file": RECORD_FILE, "create_cyclic_record_file_iso": RECORD_FILE + (u16,),
    "delete_file": (u8,), "clear_record_file": (u8,),
    "read_data": (u8, off, size, content), "read_records": (u8, off, size, content),
    "write_data": (u8, off, data), "write_record": (u8, off, data),
    "get_value": (u8, value), "credit": (u8, i32), "debit": (u8, i32), "limited_credit": (u8, i32),
    # the mode given, not that of the file: 0 plain, 1 MAC, 3 full
    "read_data_ex": (u8, off, size, content, cint), "write_data_ex": (u8, off, data, cint),
    "get_value_ex": (u8, value, cint), "credit_ex": (u8, i32, cint), "debit_ex": (u8, i32, cint),
    "commit_transaction": (), "abort_transaction": (),
}


def call(tag, line):
    words = line.split()
    what = words.pop(0)
    types, arguments, out = [P], [tag], []
    for kind in CALLS[what]:
        if kind is None:  # the count after the pointer
            types.append(P)
            arguments.append(c.addressof(out[-1][1]) + 8)
        elif isinstance(kind, Out):
            out.append((kind, c.create_string_buffer(kind.room)))
            types.append(P)
            arguments.append(c.addressof(out[-1][1]))
        else:
            for ctype, argument in kind(words):
                types.append(ctype)
                arguments.append(argument)
    if words:
        raise SystemExit("%s: too many arguments" % line)
    n = function(freefare, "mifare_desfire_" + what, c.c_ssize_t if what[:4] in ("read", "writ") else c.c_int, *types)(*arguments)
    if n < 0:
        if picc_error(tag):
            return "refused %02x" % picc_error(tag)
        return "failed %02x %s" % (pcd_error(tag), strerror(tag).decode())
    gave = [kind.show(buffer.raw, n) for kind, buffer in out]
    return " ".join(["ok"] + gave + ([str(n)] if what.startswith("write") else []))


def main(connstring):
    context = P()
    nfc_init(c.byref(context))
    for _ in range(5):  # libnfc may take what was said before for an answer
        device = nfc_open(context, connstring.encode())
        if device:
            break
    else:
        raise SystemExit("cannot open " + connstring)
    tag = get_tags(device)[0]
    if not tag:
        raise SystemExit("no card")
    print("ok", get_name(tag).decode(), get_uid(tag).decode(), flush=True)
    for line in sys.stdin:
        print(call(tag, line), flush=True)
    nfc_close(device)


main(sys.argv[1])
