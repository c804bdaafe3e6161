package main

import (
	"fmt"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/tree"
	"github.com/go-desfire/desfire/wire"
)

// cardTree is what ls and sim show print with --json.
type cardTree struct {
	Card         string          `json:"card"`
	Generation   wire.Generation `json:"generation"`
	UID          hexBytes        `json:"uid"`
	FreeMemory   *int            `json:"free_memory"`
	Applications []appTree       `json:"applications"`
}

type appTree struct {
	AID         wire.AID   `json:"aid"`
	Wire        hexBytes   `json:"wire"` // the AID as it is sent
	KeySettings string     `json:"key_settings"`
	Keys        int        `json:"keys"`
	KeyType     string     `json:"key_type"`
	ISOID       string     `json:"iso_id"`
	DFName      hexBytes   `json:"df_name"`
	Files       []fileTree `json:"files"`
	Error       string     `json:"error"` // why something is missing
}

type fileTree struct {
	File       wire.FileNo `json:"file"`
	Type       string      `json:"type"`
	Comm       string      `json:"comm"`
	Access     accessTree  `json:"access"`
	Rights     string      `json:"rights"` // the same in words
	Size       uint32      `json:"size,omitempty"`
	Lower      *int32      `json:"lower,omitempty"`
	Upper      *int32      `json:"upper,omitempty"`
	RecordSize uint32      `json:"record_size,omitempty"`
	MaxRecords uint32      `json:"max_records,omitempty"`
	Records    *uint32     `json:"records,omitempty"`
	Error      string      `json:"error"`

	size string
}

type accessTree struct {
	Read      string `json:"read"`
	Write     string `json:"write"`
	ReadWrite string `json:"read_write"`
	Change    string `json:"change"`
}

func newAppTree(aid wire.AID) appTree {
	w := aid.Wire()
	return appTree{AID: aid, Wire: w[:], Files: []fileTree{}}
}

func (t *appTree) setKeys(ks1 wire.KeySett1, ks2 wire.KeySett2) {
	t.KeySettings, t.Keys, t.KeyType = ks1.String(), ks2.Keys(), ks2.KeyType().String()
}

func newFileTree(no wire.FileNo, fs *wire.FileSettings) fileTree {
	r := fs.Access
	t := fileTree{
		File: no, Type: fs.Type.String(), Comm: fs.Comm().String(), Rights: rightsInWords(fs), size: sizeInWords(fs),
		Access: accessTree{r.Read.String(), r.Write.String(), r.ReadWrite.String(), r.Change.String()},
		Size:   fs.Size, RecordSize: fs.RecordSize, MaxRecords: fs.MaxRecords,
	}
	switch fs.Type {
	case wire.FileValue:
		t.Lower, t.Upper = &fs.Lower, &fs.Upper
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		t.Records = &fs.Records
	}
	return t
}

// printTree prints applications and files for people.
func (a *app) printTree(c *cardTree) {
	p := a.out
	head := p.title.Render(c.Card)
	if c.FreeMemory != nil {
		head += fmt.Sprintf(", %d bytes free", *c.FreeMemory)
	}
	t := tree.Root(head).EnumeratorStyle(p.dim.PaddingRight(1)).IndenterStyle(p.dim.PaddingRight(1))
	for _, app := range c.Applications {
		line := p.name.Render(app.AID.String()) + p.dim.Render("  sent as "+spaced(app.Wire))
		if app.KeyType != "" {
			line += "  " + count(app.Keys, app.KeyType+" key")
		}
		if app.ISOID != "" {
			line += "  ISO " + app.ISOID
		}
		if len(app.DFName) > 0 {
			line += fmt.Sprintf(" %X", []byte(app.DFName))
		}
		if app.Error != "" {
			line += "  " + p.warn.Render(app.Error)
		}
		node := tree.Root(line)
		wide, fold := 0, false
		for _, f := range app.Files {
			wide = max(wide, len(f.size))
		}
		for _, f := range app.Files {
			if room := width(a.stdout); room > 0 && lipgloss.Width(fileLine(p, f, wide, false)) > room-treeIndent {
				fold = true
			}
		}
		for _, f := range app.Files {
			node.Child(fileLine(p, f, wide, fold))
		}
		t.Child(node)
	}
	a.printf("%s\n", t)
	if len(c.Applications) == 0 {
		a.printf("No applications on the card\n")
	}
}

// treeIndent is how far the line of a file is indented.
const treeIndent = 8

// fileLine is a file in one line, or folded into two.
func fileLine(p palette, f fileTree, wide int, fold bool) string {
	no := p.number.Render(fmt.Sprintf("%2s", strconv.Itoa(int(f.File))))
	if f.Error != "" {
		return no + "  " + p.warn.Render(f.Error)
	}
	line := fmt.Sprintf("%s  %-8s  %s%s  %-5s", no, f.Type, f.size, pad(f.size, wide), f.Comm)
	if fold {
		return strings.TrimRight(line, " ") + "\n    " + p.dim.Render(f.Rights)
	}
	return line + "  " + p.dim.Render(f.Rights)
}
