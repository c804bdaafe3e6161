package manpage

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// width is what a terminal of 80 columns has left for text, behind the indent.
const width = 73

var special = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

// escape is text of which nothing is a macro or a ligature.
func escape(text string) string {
	text = special.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// quoted is text as one argument of a macro.
func quoted(text string) string { return `"` + escape(text) + `"` }

// line writes a line; a paragraph begins with a heading already.
func (w *writer) line(l string) {
	if l == ".PP" && w.headed {
		return
	}
	w.headed = strings.HasPrefix(l, ".SH ") || strings.HasPrefix(l, ".SS ") || l == ".PP"
	w.b.WriteString(l + "\n")
}

// prose writes text that is filled, in lines of which none is long.
func (w *writer) prose(text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > 60 {
			w.line(escape(line))
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		w.line(escape(line))
	}
}

// text is the text of help: paragraphs that are filled, lists with the words in front,
// and what is indented as it is.
func (w *writer) text(long string) {
	first := true
	for _, p := range strings.Split(strings.TrimSpace(long), "\n\n") {
		lines := strings.Split(strings.Trim(p, "\n"), "\n")
		for len(lines) > 0 {
			n := 0 // how many lines are of the same kind
			for n < len(lines) && indented(lines[n]) == indented(lines[0]) {
				n++
			}
			block := lines[:n]
			switch {
			case indented(block[0]) && list(block):
				w.items(block)
			case indented(block[0]):
				w.verbatim(strings.Join(block, "\n"))
			case block[0] != "":
				if !first {
					w.line(".PP")
				}
				w.prose(strings.Join(block, " "))
			}
			first = false
			lines = lines[n:]
		}
	}
}

func indented(line string) bool { return strings.HasPrefix(line, " ") }

var entry = regexp.MustCompile(`^( *)(\S+(?: \S+)*) {2,}(\S.*)$`)

// depth is how far a line is indented.
func depth(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// list reports whether lines are words with what they mean beside them, or below them
// and further in.
func list(lines []string) bool {
	least := depth(lines[0])
	for _, l := range lines {
		least = min(least, depth(l))
	}
	found := false
	for i, l := range lines {
		switch {
		case least+4 <= depth(l) && i > 0: // goes on
		case entry.MatchString(l) && !strings.Contains(l, " # "):
			found = true
		case i+1 < len(lines) && depth(lines[i+1]) >= least+4: // its meaning is below
		default:
			return false
		}
	}
	return found
}

// items writes such a list.
func (w *writer) items(lines []string) {
	least := depth(lines[0])
	for _, l := range lines {
		least = min(least, depth(l))
	}
	for i, l := range lines {
		m := entry.FindStringSubmatch(l)
		switch {
		case i > 0 && depth(l) >= least+4 && (m == nil || depth(l) > least+12):
			w.prose(l)
		case m != nil:
			w.line(".TP")
			w.line(`\fB` + escape(m[2]) + `\fR`)
			w.prose(m[3])
		default:
			w.line(".TP")
			w.line(`\fB` + escape(strings.TrimSpace(l)) + `\fR`)
		}
	}
}

// verbatim is what is typed or printed, line by line. A comment that does not fit
// beside its command stands above it; a command that does not fit goes on below.
func (w *writer) verbatim(text string) {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	least := width
	for _, l := range lines {
		if l != "" {
			least = min(least, depth(l))
		}
	}
	w.line(".PP")
	w.line(".EX")
	for _, l := range lines {
		l = l[min(least, len(l)):]
		if command, comment, ok := strings.Cut(l, " # "); ok && utf8.RuneCountInString(l) > width {
			w.line(escape("# " + comment))
			l = strings.TrimRight(command, " ")
		}
		for _, part := range folded(l) {
			w.line(escape(part))
		}
	}
	w.line(".EE")
}

// folded is a command in lines that fit, for a shell one line; what has no spaces is
// parted behind commas.
func folded(l string) (lines []string) {
	indent := ""
	for utf8.RuneCountInString(indent+l) > width {
		at := strings.LastIndexByte(l[:width-len(indent)-2], ' ')
		if at <= 0 {
			if at = strings.LastIndexByte(l[:width-len(indent)-2], ','); at <= 0 {
				break
			}
			lines = append(lines, indent+l[:at+1])
			l, indent = l[at+1:], "    "
			continue
		}
		lines = append(lines, indent+l[:at]+` \`)
		l, indent = l[at+1:], "    "
	}
	return append(lines, indent+l)
}

// flags are flags with what they do.
func (w *writer) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if unshown(f) {
			return
		}
		value, what := pflag.UnquoteUsage(f)
		name := `\fB` + escape("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + escape("-"+f.Shorthand) + `\fR, ` + name
		}
		if value != "" {
			name += ` \fI` + escape(value) + `\fR`
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && d != "[]" && !strings.Contains(what, "default") && !strings.HasPrefix(d, "-") {
			what += fmt.Sprintf(" (default %s)", d)
		}
		w.line(".TP")
		w.line(name)
		w.prose(what)
	})
}

func unshown(f *pflag.Flag) bool { return f.Hidden || f.Name == "help" || f.Name == "version" }

// shown reports whether there is a flag to show.
func shown(flags *pflag.FlagSet) (any bool) {
	flags.VisitAll(func(f *pflag.Flag) { any = any || !unshown(f) })
	return any
}
