package framelog

import "strings"

// fields takes lines that are a list of fields between commas.
func (s *scanner) fields(l *line) bool {
	list := strings.Split(l.text, ",")
	switch {
	case len(list) == 3 && (strings.TrimSpace(list[1]) == "true" || strings.TrimSpace(list[1]) == "false") && decimal(strings.TrimSpace(list[0])):
		return s.snooped(l, list)
	case strings.HasPrefix(strings.TrimSpace(list[0]), "CLA:") && len(list) > 6:
		return s.apdutool(l, list)
	}
	return false
}

// snooped reads a packet of Android's NFC snoop log as decoders print it: the
// time since the packet before, whether it was received, and its bytes.
//
//	7142, false, 000009905a00000300000000
func (s *scanner) snooped(l *line, list []string) bool {
	digits := strings.TrimSpace(list[2])
	if !allDigits(digits) || len(digits)%2 != 0 {
		return false
	}
	it := item{line: l.no, text: l.text, dir: ToCard, fam: famProgram, shape: "snoop", tight: true}
	if strings.TrimSpace(list[1]) == "true" {
		it.dir = ToReader
	}
	s.take(&it, l, digits, len(list[0])+len(list[1])+2+strings.Index(list[2], digits))
	s.kinds.add(KindNCI)
	s.add(it)
	return true
}

// apdutool reads the answer out of a line of the Java Card tool: the data behind
// Le and the status. The Le that was sent it does not tell.
//
//	CLA: 90, INS: 60, P1: 00, P2: 00, Lc: 00, Le: 02, 04, 01, SW1: 91, SW2: AF
func (s *scanner) apdutool(l *line, list []string) bool {
	it := item{line: l.no, text: l.text, dir: ToReader, fam: famProgram, shape: "apdutool", tight: true}
	answer, at := false, 0
	for _, f := range list {
		name, value, named := strings.Cut(f, ":")
		if !named {
			name, value = "", f
		}
		name, digits := strings.TrimSpace(name), strings.TrimSpace(value)
		if !allDigits(digits) || len(digits) != 2 {
			return false
		}
		if name == "SW1" || name == "SW2" || answer && name == "" {
			s.take(&it, l, digits, at+len(f)-len(value)+strings.Index(value, digits))
		}
		answer = answer || name == "Le"
		at += len(f) + 1
	}
	if len(it.b) < 2 || !answer {
		return false
	}
	s.add(it)
	return true
}

// take adds the bytes of digits that stand at a place of a line.
func (s *scanner) take(it *item, l *line, digits string, at int) {
	for i := 0; i < len(digits); i += 2 {
		it.b, it.at = append(it.b, byte(digit(digits[i])<<4|digit(digits[i+1]))), append(it.at, l.offset(at+i))
	}
}
