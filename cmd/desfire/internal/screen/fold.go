package screen

import "strings"

// Fold joins words with space and breaks lines between them at a width, never if
// it is not positive. Empty words are left out.
func Fold(words []Text, space Text, width int) (lines []Text) {
	for _, w := range words {
		if w == "" {
			continue
		}
		if n := len(lines); n > 0 && (width <= 0 || Width(lines[n-1])+len(space)+Width(w) <= width) {
			lines[n-1] += space + w
			continue
		}
		lines = append(lines, w)
	}
	return lines
}

// Wrap is Fold for running text: words are what blanks part. A word that is
// longer than a line stands alone.
func Wrap(text Text, width int) []Text {
	var words []Text
	for _, w := range strings.Fields(string(text)) {
		words = append(words, Text(w))
	}
	return Fold(words, " ", width)
}
