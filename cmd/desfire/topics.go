package main

import "strings"

// topics are the pages of "desfire help NAME".
var topics = []topic{
	{"connect", "Ways to say where cards are presented", `Where cards are presented is --reader, or DESFIRE_READER in the environment:

  pcsc            every PC/SC reader, now and later (the default)
  pcsc:PART       those with PART in their name
  pn532           the one PN532 on a bus or a USB adapter of this machine
  pn532:DEVICE    a PN532 on a serial port (pn532:/dev/ttyUSB0, pn532:COM3), on
                  I2C (pn532:i2c1) or SPI (pn532:spi0.0); it comes back by
                  itself when it was unplugged or without power. Tested with an
                  emulated chip only; wiring: docs/pn532.md
  tcp:HOST:PORT   a card served on a socket, for example by "desfire sim serve"
  sim:            a fresh simulated card in memory
  sim:FILE        the simulated card in FILE

All of it ran with simulated cards only, pcsc through a virtual reader on Linux;
docs/readers.md says what is known of real readers, and of Windows and macOS.

Where several cards lie, --uid says which one is meant: its UID, or the
beginning of it. Without, more than one card is an error that lists them.
--wait is how long to wait for the card, --timeout ends the verb that long
after it was found.`},
	{"keys", "Ways to give keys", strings.TrimSpace(helpKeySpec) + `

A keyring (--keys FILE, or DESFIRE_KEYS in the environment) says which key is
where. Verbs look at the rights of the file, take a key that has the right, and
say which. Without a session they go on with --plain only.

  desfire: keys/v1
  masters:
    campus-2026: "@campus.key"
  keys:
    card:     {0: "env:PICC_KEY"}
    "F48121":
      0: {from: campus-2026, version: 1, diversify: {an10922: {uid: true}}}
      1: ["@new.key", "@old.key"]

What stands there is a key in one of the forms above or below, or {from: MASTER,
...} for a key derived from a master key; a list is several keys, the newest
first, of which the card's key version tells which. The schema is
docs/keyring.schema.json.

Where keys are, besides files and variables:

  exec:PROGRAM ARGS            what a program prints
  prompt                       what is typed
  os:SERVICE/NAME              the keyring of the operating system, which
                               desfire key store fills
  pkcs11:token=T;object=LABEL  a token: the key authenticates and derives there,
                               and cannot be part of a key change

A pkcs11: URI goes on with ?module-path=FILE, else the module is that of
DESFIRE_PKCS11_MODULE, and with &pin-source=env:NAME or exec:PROGRAM, else the
PIN is asked for. No PIN ever stands in it. exec: and modules run code: of keyrings,
those count that belong to you and that nobody else can write; in other data they
are errors. docs/keys.md says who sees the bytes of a key when.

--key is one key for one command: --key 1=@read.key is key 1 of the place that
the command works at, and --key @read.key --auth 1 the same.

A card says itself how old it is. --weakest ev2 refuses what only an old card
would need: a card that poses as one then gets nothing that was made with a key.`},
	{"names", "Ways to name applications and files", helpLevel + `

AIDs are six hexadecimal digits, most significant first: application 121314 is
sent as 14 13 12. Programs that print AIDs in wire order show it the other way
round. The names of well-known applications will do as well.

FILE is a file number, 0 to 31. APP and FILE may be written as one: 121314/3.`},
	{"exit-codes", "What the exit code says", `Exit codes:

    0  done
    1  the card refused
    2  wrong usage
    3  no card or reader, the wrong card, it is in use, or --timeout is over
    4  the authentication failed
    5  a right is missing
    6  not authentic, or a verification failed (selftest, too)
    7  it may have been done, or in part: look at the card first
    8  not possible with this card
    9  an input or a file is bad, or the result could not be written
   10  what was compared differs
   11  genuine, but seen before
  130  interrupted (not watch, each and serve, whose normal end it is)

Where several apply, the first of 7, 2, 6, 130, 11, 10, 9, 8, 5, 4, 3, 1 does.`},
	{"json", "What is printed with --json", `With --json a verb prints one object a line on stdout, and nothing else there.
Each has the card: "uid" (empty if it is random), "product" and "reader". The
same thing has the same name everywhere: "application", "file", "key".

What failed is an object, too, the last one:

  {"uid":"04...","product":"...","reader":"...",
   "error":{"code":"right","what":"...","status":"91AE","next":"..."}}

"code" names the exit code, "status" is what the card answered, "next" what to
do. The schema of all of it is docs/output.schema.json.`},
	{"faults", "What can go wrong with sim serve --fault", strings.TrimSpace(helpFaults)},
	{"flags", "The flags that act on many verbs", ""},
}
