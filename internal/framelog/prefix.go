package framelog

import (
	"bytes"
	"fmt"
)

// maxPrefix is how long a reader's own prefix may be.
const maxPrefix = 5

// unwrapPrefix takes off what a reader puts before each frame: the same bytes,
// or the length of the frame.
func (s *scanner) unwrapPrefix() {
	for f := famArrow; f <= famHexdump; f++ {
		var list []*item
		for i := range s.items {
			if it := &s.items[i]; it.kind == itemFrame && it.fam == f && it.dir != Unknown && it.broken == "" && !it.cut && !it.worded {
				list = append(list, it)
			}
		}
		if command, answer := s.prefixOf(list); command != nil {
			s.unlabelledPrefix(command, answer)
		}
	}
}

// unlabelledPrefix takes the prefix off lines without labels in the same log.
func (s *scanner) unlabelledPrefix(command, answer []byte) {
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || it.dir != Unknown || it.broken != "" || it.cut {
			continue
		}
		switch {
		case bytes.HasPrefix(it.b, command) && inside([]*item{it}, len(command)):
			it.drop(len(command))
		case len(answer) > 0 && bytes.HasPrefix(it.b, answer) && likelyCommand(it.b) != strong && statusWord(it.b[len(answer):]):
			it.drop(len(answer))
		}
	}
}

// prefixOf takes off the prefix and returns it, nil if there is none that is the
// same for all.
func (s *scanner) prefixOf(list []*item) (command, answer []byte) {
	var commands, answers []*item
	for _, it := range list {
		switch {
		case it.dir == ToReader:
			answers = append(answers, it)
		case likelyCommand(it.b) == strong:
			return nil, nil
		default:
			commands = append(commands, it)
		}
	}
	if len(commands) == 0 {
		return nil, nil
	}
	for n := 1; n <= 2; n++ {
		if lengthPrefix(commands, n) && inside(commands, n) {
			drop(commands, n)
			if lengthPrefix(answers, n) {
				drop(answers, n)
			}
			s.note("the length of each frame stands before it, and is left out")
			return nil, nil
		}
	}
	n := 1
	for ; n <= maxPrefix; n++ {
		if samePrefix(commands, n) && inside(commands, n) {
			break
		}
	}
	if n > maxPrefix {
		return nil, nil
	}
	command = commands[0].b[:n]
	text := fmt.Sprintf("the reader's own prefix stands before each command, % X", command)
	m := answerPrefix(list, answers, n)
	if m > 0 {
		answer = answers[0].b[:m]
		text += fmt.Sprintf(", and before each answer, % X", answer)
	}
	drop(commands, n)
	drop(answers, m)
	s.note("%s: left out", text)
	return command, answer
}

func lengthPrefix(list []*item, n int) bool {
	for _, it := range list {
		if len(it.b) <= n {
			return false
		}
		v, rest := int(it.b[0]), len(it.b)-n
		if n == 2 {
			v = v<<8 | int(it.b[1])
			if v != rest {
				v = int(it.b[1])<<8 | int(it.b[0])
			}
		}
		if v != rest {
			return false
		}
	}
	return true
}

func samePrefix(list []*item, n int) bool {
	for _, it := range list {
		if len(it.b) <= n || !bytes.Equal(it.b[:n], list[0].b[:n]) {
			return false
		}
	}
	return true
}

// inside reports whether commands of DESFire stand behind the prefix.
func inside(list []*item, n int) bool {
	for _, it := range list {
		if b := it.b[n:]; len(b) < 5 || b[0] != 0x90 && !(b[0] == 0 && len(b) > 5) || likelyCommand(b) != strong || linkOf(b, ToCard) != linkNone {
			return false
		}
	}
	return true
}

func drop(list []*item, n int) {
	for _, it := range list {
		it.drop(n)
	}
}

// answerPrefix says how long the prefix of the answers is, by answers whose
// length is known: n or nothing.
func answerPrefix(list, answers []*item, n int) int {
	if len(answers) == 0 || !samePrefix(answers, n) {
		return 0
	}
	var ins byte
	proof := false
	for _, it := range list {
		if it.dir == ToCard {
			ins = it.b[n+1]
			continue
		}
		data := len(it.b) - 2
		if data < n || !statusWord(it.b[n:]) {
			return 0
		}
		switch {
		case data == n: // nothing but a status
			proof = true
		case ins == 0x0A || ins == 0x1A || ins == 0xAA:
			if data%8 == 0 {
				return 0
			}
			proof = proof || (data-n)%8 == 0
		case ins == 0x60:
			if data == 7 {
				return 0
			}
			proof = proof || data-n == 7
		}
	}
	if !proof {
		return 0
	}
	return n
}
