package wire

import "bytes"

// DESFire Light and NTAG 424 DNA come with one application, its keys and its
// files, and take no others (command reference 16 and 17).

// FixedKeys is how many keys the application of DESFire Light and NTAG 424 DNA
// has, all AES.
const FixedKeys = 5

// FixedName is the DF name that the one application of such a card is delivered
// with, the caller's own bytes. It is nil for generations whose applications are
// created.
func (g Generation) FixedName() []byte {
	switch g {
	case Light:
		return bytes.Clone(LightName[:])
	case NTAG424:
		return bytes.Clone(NDEFName[:])
	}
	return nil
}

// FixedFile is a file of the application that such a card is delivered with.
type FixedFile struct {
	No  FileNo
	FID ISOFID // 0: none
}

// FixedFiles are the files of the one application of such a card in the order
// of their numbers, as it is delivered: of a DESFire Light some can be deleted.
// It is nil for generations whose files are created.
func (g Generation) FixedFiles() []FixedFile {
	switch g {
	case Light:
		return []FixedFile{{0x00, 0xEF00}, {0x01, 0xEF01}, {0x03, 0}, {0x04, 0xEF04}, {0x0F, 0}, {0x1F, 0xEF1F}}
	case NTAG424:
		return []FixedFile{{0x01, 0xE103}, {0x02, 0xE104}, {0x03, 0xE105}}
	}
	return nil
}

// FixedMemory is how many bytes the files of such a card have together, as its
// data sheet counts them. It is 0 for generations whose files are created.
func (g Generation) FixedMemory() int {
	switch g {
	case Light:
		return 640
	case NTAG424:
		return 416
	}
	return 0
}
