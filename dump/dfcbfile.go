package dump

import "fmt"

var derFile = map[byte]derField{
	0x80: {"Number", derByte}, 0x81: {"Type", derOneOf(0, dfcTypes...)}, 0x82: {"Communication Settings", derHex}, 0x83: {"Access Rights", derHex}, 0x84: {"ISO File ID", derHex},
}

// derContents are the objects in which a file has what it holds.
var derContents = map[byte]map[byte]derField{
	0xA5: {0x80: {"Size", derNumber}, 0x81: {"Data", derHex}, 0x82: {}},
	0xA6: {0x80: {"Value Lower Limit", derNumber}, 0x81: {"Value Upper Limit", derNumber}, 0x82: {"Value", derNumber}, 0x83: {"Limited Credit", derHex}},
	0xA7: {0x80: {"Record Size", derNumber}, 0x81: {"Max Records", derNumber}, 0x82: {"Record Count", derNumber}, 0x83: {}},
	0xA8: {0x80: {"Transaction Counter", derNumber}, 0x81: {"Transaction MAC", derHex}, 0x82: {"Transaction Key Type", derNumber}, 0x83: {"Transaction Key Version", derHex}, 0x84: {}, 0x85: {}},
	0xA9: {
		0x80: {"SDM Options", derHex}, 0x81: {"SDM Access Rights", derHex}, 0x82: {"SDM UID Offset", derNumber}, 0x83: {"SDM Counter Offset", derNumber},
		0x84: {"SDM PICC Data Offset", derNumber}, 0x85: {"SDM MAC Input Offset", derNumber}, 0x86: {"SDM MAC Offset", derNumber}, 0x87: {"SDM Encrypted File Offset", derNumber},
		0x88: {"SDM Encrypted File Length", derNumber}, 0x89: {"SDM Counter Limit", derNumber}, 0x8A: {"SDM Read Counter", derNumber},
	},
}

// derByte is a small number as a byte.
func derByte(b []byte) (string, error) {
	v, err := derInt(b)
	if err == nil && (v < 0 || v > 0xFF) {
		err = fmt.Errorf("%d is no byte", v)
	}
	return fmt.Sprintf("%02X", v), err
}

func (b *derLines) files(of string, body []byte) {
	list := b.items(body)
	b.put(of+" File Count", nil, func([]byte) (string, error) { return fmt.Sprint(len(list)), nil })
	for i, x := range list {
		if b.err != nil {
			return
		}
		file := fmt.Sprintf("%s File %02X", of, i)
		for _, x := range b.fields(file, x.body, derFile) {
			known, ok := derContents[x.tag]
			if !ok {
				b.odd(x.tag, "file")
				continue
			}
			for _, r := range b.fields(file, x.body, known) {
				if r.tag != 0xA4 || x.tag != 0xA7 {
					b.odd(r.tag, "file")
					continue
				}
				for n, record := range b.items(r.body) {
					if record.tag == derOctets {
						b.put(fmt.Sprintf("%s Record %02X", file, n), record.body, derHex)
					}
				}
			}
		}
	}
}
