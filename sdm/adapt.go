package sdm

// otherPICC is the template with PICC data of the other length, nil if it has none.
func (t *Template) otherPICC() *Template {
	if _, ok := t.at["picc"]; !ok {
		return nil
	}
	other, err := ParseTemplate(t.String(), !t.lrp)
	if err != nil {
		return nil
	}
	return other
}

// says is the note of PICC data that tell by their length if the tag uses LRP.
func (t *Template) says() string {
	if t.lrp {
		return "PICC data of 24 bytes: the tag uses LRP"
	}
	return "PICC data of 16 bytes: the tag does not use LRP"
}

// asShown is the text as it came: if the template leaves out what the tag shows,
// the MAC may cover that.
func asShown(text string, r *Reading) []layout {
	g, err := Guess(text, r.Template.lrp)
	if err != nil || g.Template.lrp != r.Template.lrp || g.Message.MAC != r.Message.MAC {
		return nil
	}
	return append([]layout{g.filled()}, g.more...)
}
