package sim

import "github.com/go-desfire/desfire/wire"

// Settings are what GetFileSettings tells of the file, but for the version of a
// transaction MAC key, which is among the keys. A file that makes no sense has
// the type wire.FileUnknown; ReadImage lets none of them through. They share
// nothing with the file.
func (x *ImageFile) Settings() *wire.FileSettings {
	f, err := x.file()
	if err != nil {
		return &wire.FileSettings{Type: wire.FileUnknown}
	}
	return f.settings(false, false)
}
