package framelog

// t1Block reports whether b is a block of the protocol T=1, with its checksum.
func t1Block(b []byte) bool {
	if len(b) < 4 || b[0] != 0 || int(b[2]) != len(b)-4 {
		return false
	}
	return xor(b) == 0
}

// isPPS reports whether b is a request for parameters of the transmission.
func isPPS(b []byte) bool { return len(b) >= 3 && len(b) <= 6 && b[0] == 0xFF && xor(b) == 0 }

func xor(b []byte) (sum byte) {
	for _, c := range b {
		sum ^= c
	}
	return sum
}

// Bits of the control byte of a T=1 block.
const (
	t1Other = 0x80 // no block with data
	t1More  = 0x20
)

// unwrapT1 joins the blocks of T=1 that stand in blocks of CCID, if all do.
func (s *scanner) unwrapT1(inside map[string]bool) {
	blocks := 0
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || !inside[it.shape] || isPPS(it.b) {
			continue
		}
		if !t1Block(it.b) {
			return
		}
		blocks++
	}
	if blocks == 0 {
		return
	}
	var parts [3]item
	s.filter(func(it *item) bool {
		if it.kind != itemFrame || !inside[it.shape] {
			return true
		}
		if isPPS(it.b) || it.b[1]&t1Other != 0 {
			s.control(it, "T=1: no block with data")
			return false
		}
		have := &parts[it.dir]
		b, at := it.b[3:len(it.b)-1], it.at[3:len(it.at)-1]
		more := it.b[1]&t1More != 0
		x := *it
		if len(have.b) > 0 {
			x.line, x.text = have.line, have.text
		}
		if len(have.b)+len(b) > maxFrame {
			s.skip(it, "no frame is as long as these blocks together")
			*have = item{}
			return false
		}
		x.b, x.at = append(have.b, b...), append(have.at, at...)
		*have = item{}
		if more {
			*have = x
			return false
		}
		*it = x
		return len(it.b) > 0
	})
}
