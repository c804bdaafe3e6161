package dissect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// segment is a run of the joined bytes of a half, which frames cut.
type segment struct {
	from, to int
	part     Part // without bytes
}

// cover makes segments of n bytes: of fields, which need neither be in order nor
// fill them, nor keep off each other. What no field tells is rest.
func cover(n int, fields []segment, rest Part) []segment {
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b segment) int { return cmp.Compare(a.from, b.from) })
	var list []segment
	at := 0
	for _, f := range fields {
		if f.from < at || f.to <= f.from || f.to > n {
			continue
		}
		if f.from > at {
			list = append(list, segment{at, f.from, rest})
		}
		list = append(list, f)
		at = f.to
	}
	if at < n {
		list = append(list, segment{at, n, rest})
	}
	return list
}

// ofFields makes segments of the fields of a layout, of which those before head
// are header. b is what the fields lie in.
func ofFields(fields []wire.Field, head int, b []byte, context string) []segment {
	var list []segment
	known := ""
	for _, f := range fields {
		if f.Name == "KnownAs" {
			known = f.Value
		}
	}
	for _, f := range fields {
		if f.Name == "KnownAs" || f.Offset < 0 || f.Len <= 0 || f.Offset+f.Len > len(b) {
			continue
		}
		kind := Data
		if f.Offset+f.Len <= head {
			kind = Header
		}
		p := Part{Kind: kind, Name: f.Name, Value: f.Value, Secret: f.Secret}
		raw := b[f.Offset : f.Offset+f.Len]
		switch {
		case f.Secret, strings.HasSuffix(f.Value, "bytes of key)"):
			p.Secret, p.Value = true, ""
		case strings.EqualFold(f.Value, fmt.Sprintf("%X", raw)):
			p.Value = text(raw)
		}
		if p.Meaning = meaning(context, f, raw); f.Name == "DFName" && known != "" {
			p.Value = known
		}
		list = append(list, segment{f.Offset, f.Offset + f.Len, p})
	}
	return list
}

// text is what bytes say if they are text, in quotation marks; else empty.
func text(b []byte) string {
	trimmed := strings.TrimRight(string(b), "\x00")
	if len(trimmed) < 4 {
		return ""
	}
	for _, r := range trimmed {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7F || r == 0xFFFD {
			return ""
		}
	}
	return "“" + visible.Text(trimmed) + "”"
}

// macPart is the part of a MAC that was checked or could not be.
func macPart(h *trace.Half, scheme wire.Scheme, over string) Part {
	p := Part{Kind: MAC, Name: "MAC"}
	if scheme == wire.SchemeEV1 {
		p.Name = "CMAC"
	}
	p.Meaning = "over " + over
	switch {
	case h == nil || h.Want == nil:
		p.Meaning += "; not checked"
	case h.Right:
		p.Meaning += ": right"
	default:
		p.Kind, p.Meaning = Wrong, p.Meaning+": wrong"
	}
	return p
}

// sealedPart is an enciphered run that holds what names say.
func sealedPart(names string, n int, opened bool) Part {
	p := Part{Kind: Data, Enciphered: true, Name: names + ", enciphered"}
	p.Meaning = count(n, "byte")
	if opened {
		p.Meaning += ", see below"
	} else {
		p.Meaning += ", which only the session key opens"
	}
	return p
}

// inner cuts what was deciphered into parts.
func inner(h *trace.Half, fields []segment, scheme wire.Scheme, over string) []Part {
	data := cover(h.Data, fields, Part{Kind: Data, Name: "Data", Value: text(h.Plain[:h.Data])})
	var parts []Part
	for _, s := range data {
		parts = append(parts, s.of(h.Plain))
	}
	at := h.Data
	if n := h.CRC; n > 0 && at+n <= len(h.Plain) {
		p := Part{Kind: CRC, Name: "CRC", Meaning: "over " + over + ": right"}
		if h.MAC.Len() == 0 && !h.Right {
			p.Kind, p.Meaning = Wrong, "over "+over+": wrong"
		}
		parts = append(parts, segment{at, at + n, p}.of(h.Plain))
		at += n
	}
	if at < len(h.Plain) {
		pad := Part{Kind: Padding, Name: "Padding", Meaning: paddingWords(h.Plain[at:])}
		parts = append(parts, segment{at, len(h.Plain), pad}.of(h.Plain))
	}
	return parts
}

func paddingWords(b []byte) string {
	switch {
	case b[0] == 0x80 && len(b) == 1:
		return "80, which ends the data; the block is full with it"
	case b[0] == 0x80:
		return "80, which ends the data, then zeros to the end of the block"
	}
	return "zeros to the end of the block"
}

// of gives a segment its bytes.
func (s segment) of(b []byte) Part {
	p := s.part
	p.Len = s.to - s.from
	if !p.Secret && !p.Cut {
		p.Bytes = b[s.from:s.to:s.to]
	}
	return p
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
