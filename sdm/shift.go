package sdm

// maxShift is how far beside its place a mirror is looked for: the header of an
// NDEF message and the beginning of a URL that its code stands for are less.
const maxShift = 16

// settingOf is the setting that says where a place is.
var settingOf = map[string]string{"picc": "PICCDataOffset", "uid": "UIDOffset", "ctr": "SDMReadCtrOffset", "mac": "SDMMACOffset", "enc": "SDMENCOffset"}

// shifted explains a text where the card mirrors beside a place: nil if it is
// none.
func (t *Template) shifted(text string) error {
	if len(text) != len(t.text) {
		return nil
	}
	for _, name := range t.names() {
		for d := 1; d <= maxShift; d++ {
			for _, k := range []int{-d, d} {
				if t.standsAt(text, name, k) {
					side := "before"
					if k > 0 {
						side = "behind"
					}
					return noMessage("what the card mirrors into {%s} stands %d characters %s its place: %s is wrong by %+d, or it was counted without what stands in the file before the text", name, d, side, settingOf[name], k)
				}
			}
		}
	}
	return nil
}

// standsAt reports whether a text is that of the template, but for one place that
// is k characters beside.
func (t *Template) standsAt(text, name string, k int) bool {
	p := t.at[name]
	from, to := p.offset+k, p.offset+k+p.length
	if from < 0 || to > len(text) || p.length == 0 {
		return false
	}
	other := make([]bool, len(text))
	for n, o := range t.at {
		for i := range o.length {
			other[o.offset+i] = n != name
		}
	}
	zeros := true
	for i := range len(text) {
		switch c := text[i]; {
		case i >= from && i < to:
			zeros = zeros && c == '0'
			if hexValue(c) < 0 || other[i] {
				return false
			}
		case other[i]:
			if hexValue(c) < 0 {
				return false
			}
		case c != t.text[i]:
			return false
		}
	}
	return !zeros
}
