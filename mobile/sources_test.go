//go:build !race

package mobile

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the variables of the sources in examples/mobile are.
var variables = map[string]string{
	"keys": "Keys", "purse": "Purse", "card": "Card", "opened": "Card", "conf": "Config", "f": "Failure", "computer": "Computer", "Mobile": "Mobile",
}

func sources(t *testing.T, kind string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "examples", "mobile", "*", "*"+kind))
	must(t, err)
	texts := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		must(t, err)
		bare := regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`).ReplaceAllString(string(text), "")
		texts[filepath.Base(name)] = regexp.MustCompile(`"[^"$\\\n]*"`).ReplaceAllString(bare, `""`)
	}
	if len(texts) < 2 {
		t.Fatalf("only %d sources", len(texts))
	}
	return texts
}

// TestKotlinNames: each method, property and constant of this package that the Kotlin sources name is bound, with so
// many parameters.
func TestKotlinNames(t *testing.T) {
	files := bound(t)
	n := 0
	for name, text := range sources(t, ".kt") {
		for _, imported := range regexp.MustCompile(`import mobile\.(\w+)`).FindAllStringSubmatch(text, -1) {
			if files[imported[1]+".java"] == "" {
				t.Errorf("%s: nothing is bound as %s", name, imported[1])
			}
		}
		for _, use := range regexp.MustCompile(`\b(\w+)\??\.(\w+)(\()?`).FindAllStringSubmatchIndex(text, -1) {
			variable, member := text[use[2]:use[3]], text[use[4]:use[5]]
			class, ours := variables[variable]
			if !ours || use[2] > 0 && text[use[2]-1] == '.' {
				continue
			}
			n++
			java := files[class+".java"]
			switch {
			case use[6] >= 0: // a call
				want := len(arguments(text[use[7]:]))
				if got := javaParameters(java, member); !slices.Contains(got, want) {
					t.Errorf("%s: %s.%s with %d arguments; bound are %v", name, class, member, want, got)
				}
			case class == "Mobile":
				if !regexp.MustCompile(`static final \w+ ` + member + ` = `).MatchString(java) {
					t.Errorf("%s: Mobile has no %s", name, member)
				}
			default:
				if !strings.Contains(java, " get"+strings.ToUpper(member[:1])+member[1:]+"(") {
					t.Errorf("%s: %s has no property %s", name, class, member)
				}
			}
		}
		n += implemented(t, files, name, text)
	}
	if n < 30 {
		t.Errorf("only %d uses were found", n)
	}
}

// implemented checks what the Kotlin classes override: all of an interface, and nothing else.
func implemented(t *testing.T, files map[string]string, name, text string) (n int) {
	t.Helper()
	for _, of := range []string{"Transceiver", "KeySafe", "ComputerWatcher", "TagOpener"} {
		at := regexp.MustCompile(`:\s+` + of + `(?:\(\))? \{`).FindStringIndex(text)
		if at == nil {
			continue
		}
		body := block(text[at[1]:])
		wanted := regexp.MustCompile(`public \w+(?:\[\])? (\w+)\(([^)]*)\)`).FindAllStringSubmatch(files[of+".java"], -1)
		if len(wanted) == 0 {
			t.Errorf("%s has no methods", of)
		}
		for _, m := range wanted {
			n++
			found := regexp.MustCompile(`override fun ` + m[1] + `\(([^)]*)\)`).FindStringSubmatch(body)
			if found == nil || len(arguments(found[1]+")")) != len(arguments(m[2]+")")) {
				t.Errorf("%s: %s.%s(%s) is not implemented: %q", name, of, m[1], m[2], found)
			}
		}
		if got := strings.Count(body, "override fun "); got != len(wanted) {
			t.Errorf("%s overrides %d methods of %s, which has %d", name, got, of, len(wanted))
		}
	}
	return n
}

// javaParameters are how many parameters the methods of a name have.
func javaParameters(java, method string) (list []int) {
	for _, m := range regexp.MustCompile(`native [\w.\[\]]+ `+method+`\(([^)]*)\)`).FindAllStringSubmatch(java, -1) {
		list = append(list, len(arguments(m[1]+")")))
	}
	return list
}

// block is a text up to the brace that ends it.
func block(text string) string {
	for i, depth := 0, 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth < 0 {
				return text[:i]
			}
		}
	}
	return text
}

// arguments are those of a call, which ends with a bracket.
func arguments(text string) (list []string) {
	depth, from := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '(', '{', '[':
			depth++
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
			}
		case ')', '}', ']':
			if depth--; depth < 0 {
				if last := strings.TrimSpace(text[from:i]); last != "" {
					list = append(list, last)
				}
				return list
			}
		case ',':
			if depth == 0 {
				list = append(list, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	return list
}

// TestSwiftNames: each function, method by its labels, property and constant of this package that the Swift sources name is in
// the header for Objective-C.
func TestSwiftNames(t *testing.T) {
	header := bound(t)["Mobile.objc.h"]
	n := 0
	for name, text := range sources(t, ".swift") {
		for _, use := range regexp.MustCompile(`\bMobile([A-Z]\w*)\b(\()?`).FindAllStringSubmatchIndex(text, -1) {
			n++
			what := strings.TrimSuffix(text[use[2]:use[3]], "Protocol")
			if use[4] >= 0 { // a function
				m := regexp.MustCompile(` Mobile` + what + `\(([^)]*)\);`).FindStringSubmatch(header)
				if m == nil || m[1] == "void" && len(arguments(text[use[5]:])) > 0 || m[1] != "void" && len(arguments(m[1]+")")) != len(arguments(text[use[5]:])) {
					t.Errorf("%s: Mobile%s(%s is bound as %q", name, what, strings.Join(arguments(text[use[5]:]), ", "), m)
				}
			} else if !regexp.MustCompile(`(@interface|@protocol|NSString\* _Nonnull const|const) Mobile` + what + `\b`).MatchString(header) {
				t.Errorf("%s: nothing is bound as Mobile%s", name, what)
			}
		}
		for _, use := range regexp.MustCompile(`\b(\w+)\.(\w+)(\()?`).FindAllStringSubmatchIndex(text, -1) {
			class, ours := variables[text[use[2]:use[3]]]
			if !ours || use[2] > 0 && text[use[2]-1] == '.' && !strings.HasSuffix(text[:use[2]], "self.") {
				continue
			}
			n++
			member, part := text[use[4]:use[5]], ofClass(header, class)
			if use[6] < 0 {
				if !regexp.MustCompile(`@property .*\b` + member + `;`).MatchString(part) {
					t.Errorf("%s: %s has no property %s", name, class, member)
				}
				continue
			}
			if want := selector(member, arguments(text[use[7]:])); !slices.Contains(selectors(part), want) {
				t.Errorf("%s: %s has no %s; it has %v", name, class, want, selectors(part))
			}
		}
		if strings.Contains(text, "MobileTransceiver7816Protocol {") {
			for _, s := range selectors(ofClass(header, "Transceiver7816")) {
				n++
				method, labels, _ := strings.Cut(s, ":")
				found := regexp.MustCompile(`func ` + method + `\(([^)]*)\)`).FindStringSubmatch(text)
				if found == nil || selector(method, arguments(found[1]+")")) != method+":"+labels && selector(method, arguments(found[1]+")")) != s {
					t.Errorf("%s: %s is not implemented: %q", name, s, found)
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d uses were found", n)
	}
}

// selector is a Swift call as Objective-C names it, without its error.
func selector(method string, args []string) string {
	s := method
	for i, a := range args {
		label, _, labelled := strings.Cut(a, ":")
		switch {
		case i == 0:
			s += ":"
		case labelled && label != "error":
			s += strings.TrimSpace(label) + ":"
		}
	}
	return s
}

// selectors are the methods of a class, without their errors.
func selectors(part string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^- \([^)]*\)([^;]*);`).FindAllStringSubmatch(part, -1) {
		s := ""
		for i, label := range regexp.MustCompile(`(\w+):\(`).FindAllStringSubmatch(m[1], -1) {
			if label[1] != "error" || i == 0 {
				s += label[1] + ":"
			}
		}
		if s == "" {
			s = strings.TrimSpace(m[1])
		}
		list = append(list, regexp.MustCompile(`^close:$`).ReplaceAllString(s, "close"))
	}
	return list
}
