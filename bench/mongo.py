"""A MongoDB database by the wire, for what a comparison needs: its size, and its end. No passwords and no TLS."""

import socket
import struct
import urllib.parse


class Database:
    """One database of a replica set or a single server."""

    def __init__(self, store, name):
        parts = urllib.parse.urlsplit(store)
        self.hosts, self.name = parts.netloc.split(","), name
        self.url = urllib.parse.urlunsplit(parts._replace(path=f"/{name}"))

    def bytes(self):
        """What its collections and indexes take on the disk of one member, after a checkpoint."""
        self._primary("admin", {"fsync": 1})
        stats = self._primary(self.name, {"dbStats": 1})
        return stats["storageSize"] + stats["indexSize"]

    def drop(self):
        self._primary(self.name, {"dropDatabase": 1})

    def _primary(self, database, command):
        address = self.hosts[0]
        for host in self.hosts:
            try:
                address = _ask(host, "admin", {"hello": 1}).get("primary", host)
                break
            except OSError:
                continue
        answer = _ask(address, database, command)
        if answer.get("ok") != 1.0:
            raise SystemExit(f"MongoDB refuses {command}: {answer.get('errmsg')}")
        return answer


def _ask(address, database, command):
    host, _, port = address.partition(":")
    document = b"".join(b"\x10" + name.encode() + b"\0" + struct.pack("<i", value) for name, value in command.items())
    document += b"\x02$db\0" + struct.pack("<i", len(database) + 1) + database.encode() + b"\0"
    body = struct.pack("<I", 0) + b"\0" + struct.pack("<i", len(document) + 5) + document + b"\0"
    with socket.create_connection((host, int(port or 27017)), timeout=60) as connection:
        # OP_MSG.
        connection.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
        length = struct.unpack("<i", _exactly(connection, 4))[0]
        answer = _exactly(connection, length - 4)
    # The rest of the header, the flags, the kind of the section, the document's length.
    return _members(answer[12 + 4 + 1 + 4 :])


def _exactly(connection, count):
    found = b""
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise ConnectionError("MongoDB ended the connection")
        found += piece
    return found


def _members(text):
    """The numbers and strings of a document; others are passed over."""
    found, at = {}, 0
    while text[at] != 0:
        kind, end = text[at], text.index(b"\0", at + 1)
        name, at = text[at + 1 : end].decode(), end + 1
        if kind == 0x01:
            found[name], at = struct.unpack_from("<d", text, at)[0], at + 8
        elif kind == 0x10:
            found[name], at = struct.unpack_from("<i", text, at)[0], at + 4
        elif kind == 0x12:
            found[name], at = struct.unpack_from("<q", text, at)[0], at + 8
        elif kind == 0x02:
            length = struct.unpack_from("<i", text, at)[0]
            found[name], at = text[at + 4 : at + 3 + length].decode(), at + 4 + length
        elif kind in (0x03, 0x04):
            at += struct.unpack_from("<i", text, at)[0]
        elif kind == 0x05:
            at += 5 + struct.unpack_from("<i", text, at)[0]
        else:
            at += {0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x11: 8}[kind]
    return found
