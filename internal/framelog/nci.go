package framelog

// Fields of the header of an NCI packet.
const (
	nciHeader  = 3
	nciType    = 0xE0
	nciSegment = 0x10 // more packets follow
)

// nciNames are control packets that logs are full of.
var nciNames = map[[2]byte]string{
	{0, 0}: "CORE_RESET", {0, 1}: "CORE_INIT", {0, 2}: "CORE_SET_CONFIG", {0, 3}: "CORE_GET_CONFIG", {0, 4}: "CORE_CONN_CREATE",
	{0, 5}: "CORE_CONN_CLOSE", {0, 6}: "CORE_CONN_CREDITS", {0, 7}: "CORE_GENERIC_ERROR", {0, 8}: "CORE_INTERFACE_ERROR",
	{1, 0}: "RF_DISCOVER_MAP", {1, 3}: "RF_DISCOVER", {1, 4}: "RF_DISCOVER_SELECT", {1, 5}: "RF_INTF_ACTIVATED", {1, 6}: "RF_DEACTIVATE",
}

func nciFits(b []byte) bool { return len(b) >= nciHeader && int(b[2]) == len(b)-nciHeader }

// isNCI reports whether the items of a label are packets of NCI: all lengths
// fit, and there are both data and control, or the log says so.
func (s *scanner) isNCI() bool {
	fits, control, data, others := 0, 0, 0, 0
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemFrame || it.dir == Unknown {
			continue
		}
		switch {
		case it.cut && len(it.b) >= nciHeader && int(it.b[2]) > len(it.b)-nciHeader:
			continue
		case !nciFits(it.b) || likely(it.b, it.dir) == strong && it.b[0] == 0x90:
			others++
			continue
		}
		fits++
		switch it.b[0] & nciType {
		case 0:
			data++
		case 0x20, 0x40, 0x60:
			control++
		}
	}
	said := s.kinds.has(KindNCI)
	return said && fits > others || others == 0 && data > 0 && control > 0 && fits > 2
}

// unwrapNCI takes data out of NCI packets.
func (s *scanner) unwrapNCI() {
	if !s.isNCI() {
		return
	}
	s.kinds.add(KindNCI)
	var parts [3]item // by direction
	s.filter(func(it *item) bool {
		if it.kind != itemFrame || it.dir == Unknown {
			return true
		}
		if len(it.b) < nciHeader || it.b[0]&nciType != 0 {
			if len(it.b) < nciHeader {
				s.skip(it, "no NCI packet: shorter than its header")
				return false
			}
			name := nciNames[[2]byte{it.b[0] & 0x0F, it.b[1] & 0x3F}]
			if name == "" {
				name = sprintf("%02X %02X", it.b[0], it.b[1])
			}
			kind := map[byte]string{0x20: "_CMD", 0x40: "_RSP", 0x60: "_NTF"}[it.b[0]&nciType]
			s.control(it, "NCI: control packet %s%s", name, kind)
			return false
		}
		if it.cut {
			parts[it.dir] = item{}
			s.incomplete(it)
			return false
		}
		if !nciFits(it.b) {
			if likely(it.b, it.dir) == strong {
				return true
			}
			s.skip(it, "an NCI packet whose length does not fit")
			s.failed(it, "the length of the NCI packet does not fit, line %d", it.line)
			return false
		}
		have := &parts[it.dir]
		x := *it
		x.shape = "NCI " + it.shape
		if len(have.b) > maxFrame {
			s.skip(it, "no frame is as long as these packets together")
			*have = item{}
			return false
		}
		if len(have.b) > 0 {
			x.line, x.text = have.line, have.text
		}
		x.b, x.at = append(have.b, it.b[nciHeader:]...), append(have.at, it.at[nciHeader:]...)
		if *have = (item{}); it.b[0]&nciSegment != 0 {
			*have = x
			return false
		}
		*it = x
		return len(it.b) > 0
	})
	for d := range parts {
		if len(parts[d].b) > 0 {
			s.skip(&parts[d], "NCI: the packets that go on with it are missing")
		}
	}
}
