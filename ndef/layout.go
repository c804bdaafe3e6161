package ndef

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Layout is how a DESFire card becomes a tag. The zero value is one of 256 bytes
// that anybody may read and write.
type Layout struct {
	AID  wire.AID // zero means 000001, the custom
	Size uint32   // bytes of the NDEF file; zero means 256
	// Keys of the application; zero means one DES key, of zeros.
	Keys wire.KeySett2
	// Access to the NDEF file; zero means free for all but Change, which needs
	// the application's master key. Writing that is not free makes the tag
	// read-only for phones.
	Access wire.AccessRights
	// Open leaves the capability container writable for anybody, too.
	Open bool
	// SDM creates the NDEF file with secure dynamic messaging allowed, which
	// cards want that shall show it later (EV3). Writing is free then, until
	// the messages are switched on and other rights with them.
	SDM bool
	// Message is what the tag holds at first.
	Message Message
}

// DefaultAID is the application of tags by custom (AN11004).
const DefaultAID wire.AID = 0x000001

// D40AID is the application of tags on D40 cards, which know no ISO names:
// version 1 of the mapping. This package reads and writes such tags with
// OpenNative and makes none.
const D40AID wire.AID = 0xEEEE10

// D40Files are the files of a tag on a D40 card, in a map of the caller's.
func D40Files() map[wire.ISOFID]wire.FileNo {
	return map[wire.ISOFID]wire.FileNo{CCFile: 3, NDEFFile: 4}
}

// ApplicationFID is the ISO identifier of a tag's application.
const ApplicationFID wire.ISOFID = 0xE110

// Limits of one command by custom: they fit a frame of 64 bytes.
const (
	maxRead  = 0x3A
	maxWrite = 0x34
)

// Numbers of the files by custom.
const (
	ccNo   wire.FileNo = 1
	ndefNo wire.FileNo = 2
)

// CC is the capability container that the layout has.
func (l *Layout) CC() CC {
	size, access := l.size(), l.access()
	f := FileControl{Kind: KindNDEF, FID: NDEFFile, Size: size}
	version := byte(0x20)
	if size > 0xFFFF {
		f.Kind, version = KindExtended, 0x30
	}
	if access.Read != wire.Free && access.ReadWrite != wire.Free {
		f.Read = 0x80 // limited, in a way that only the owner knows
	}
	if access.Write != wire.Free && access.ReadWrite != wire.Free {
		f.Write = AccessNever
	}
	return CC{Version: version, MaxRead: maxRead, MaxWrite: maxWrite, Files: []FileControl{f}}
}

func (l *Layout) size() uint32 {
	if l.Size == 0 {
		return 256
	}
	return l.Size
}

func (l *Layout) access() wire.AccessRights {
	if l.Access == (wire.AccessRights{}) {
		return wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}
	}
	return l.Access
}

// Commands make the tag, at the card level, where creating an application is free
// or the PICC master key has opened a session. For EV1 and later. What follows
// SelectApplication needs no session while the settings of the application are
// as here. The commands are the caller's own.
func (l *Layout) Commands() ([]wire.Request[*wire.Empty], error) {
	aid, keys := l.AID, l.Keys
	if aid == 0 {
		aid = DefaultAID
	}
	if keys == 0 {
		keys = wire.NewKeySett2(wire.KeyDES, 1)
	}
	if l.size() > 0xFFFFFF {
		return nil, fmt.Errorf("NDEF: a file of %d bytes fits no card", l.size())
	}
	if a := l.access(); l.SDM && a.Write != wire.Free && a.ReadWrite != wire.Free {
		return nil, fmt.Errorf("NDEF: a file for secure dynamic messages is made with free writing: give it other rights when they are switched on")
	}
	layout := l.CC()
	cc, err := layout.Encode()
	if err != nil {
		return nil, err
	}
	content, err := layout.Files[0].EncodeFile(l.Message)
	if err != nil {
		return nil, err
	}
	if len(l.Message) == 0 {
		content = layout.Files[0].appendLength(nil, 0)
	}
	// The files are written while everything is free, and get their rights then.
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	ccAccess := wire.AccessRights{Read: wire.Free}
	if l.Open {
		ccAccess = free
	}
	commands := []wire.Request[*wire.Empty]{
		&wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: keys | wire.SettISOFiles, FID: ApplicationFID, DFName: bytes.Clone(wire.NDEFName[:])},
		&wire.SelectApplication{AID: aid},
	}
	for _, f := range []struct {
		no      wire.FileNo
		fid     wire.ISOFID
		size    uint32
		access  wire.AccessRights
		content []byte
	}{{ccNo, CCFile, uint32(len(cc)), ccAccess, cc}, {ndefNo, NDEFFile, l.size(), l.access(), content}} {
		first := f.access
		writable := first.Write == wire.Free || first.ReadWrite == wire.Free
		if !writable {
			first = free
		}
		option := wire.OptionPlain
		if l.SDM && f.no == ndefNo {
			option |= wire.OptionSDM
		}
		commands = append(commands,
			&wire.CreateStdDataFile{File: f.no, FID: f.fid, Option: option, Access: first, Size: f.size},
			&wire.WriteData{File: f.no, Data: f.content})
		if !writable {
			commands = append(commands, &wire.ChangeFileSettings{File: f.no, Access: f.access})
		}
	}
	return commands, nil
}
