package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A page is checked by a reader that is stricter than browsers are: what it takes,
// no browser can understand otherwise.

var (
	tagShape   = regexp.MustCompile(`^<(/?)([a-z][a-z0-9]*)((?:\s+[a-z][a-zA-Z0-9-]*(?:="[^"<>]*")?)*)\s*(/?)>`)
	attrShape  = regexp.MustCompile(`([a-z][a-zA-Z0-9-]*)(?:="([^"<>]*)")?`)
	entity     = regexp.MustCompile(`&(#\d+|#x[0-9a-fA-F]+|amp|lt|gt|quot|minus);`)
	void       = []string{"meta", "br"}
	known      = strings.Fields("html head meta title style body a main header h1 h2 h3 h4 p span section div ul ol li details summary dl dt dd table caption thead tbody tr th td nav svg rect text path i b bdi br code footer")
	knownAttrs = strings.Fields("lang charset http-equiv content name class id href aria-label aria-labelledby aria-hidden role scope colspan open viewBox x y dx width height rx d data-who data-l")
)

// faults are what is wrong with a page, none if it is as it must be.
func faults(page string) (list []string) {
	fault := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, r := range page {
		if r != '\n' && !unicode.IsPrint(r) {
			fault("character %U", r)
			break
		}
	}
	rest, ok := strings.CutPrefix(page, "<!doctype html>")
	if !ok {
		fault("no doctype")
	}
	var stack []string
	var style, policy string
	ids, refs := map[string]bool{}, map[string]bool{}
	level, tables := 0, 0
	for rest != "" && len(list) < 10 {
		at := strings.IndexByte(rest, '<')
		if at < 0 {
			at = len(rest)
		}
		if text := rest[:at]; strings.Contains(text, ">") || strings.Contains(entity.ReplaceAllString(text, ""), "&") {
			fault("text %.60q", text)
		}
		if rest = rest[at:]; rest == "" {
			break
		}
		m := tagShape.FindStringSubmatch(rest[:strings.IndexByte(rest, '>')+1]) // a tag holds no other >
		if m == nil {
			fault("no tag: %.60q", rest)
			break
		}
		rest = rest[len(m[0]):]
		name := m[2]
		if !slices.Contains(known, name) {
			fault("element %s", name)
		}
		if m[1] == "/" {
			if len(stack) == 0 || stack[len(stack)-1] != name {
				fault("</%s> in %v", name, stack)
				break
			}
			stack = stack[:len(stack)-1]
			continue
		}
		attrs := map[string]string{}
		for _, a := range attrShape.FindAllStringSubmatch(m[3], -1) {
			if _, twice := attrs[a[1]]; twice || !slices.Contains(knownAttrs, a[1]) {
				fault("attribute %s of %s", a[1], name)
			}
			if strings.Contains(entity.ReplaceAllString(a[2], ""), "&") {
				fault("attribute %q", a[2])
			}
			attrs[a[1]] = html.UnescapeString(a[2])
		}
		if id, ok := attrs["id"]; ok {
			if ids[id] {
				fault("id %q twice", id)
			}
			ids[id] = true
		}
		for _, a := range []string{"href", "aria-labelledby"} {
			if ref, ok := attrs[a]; ok {
				if a == "href" && !strings.HasPrefix(ref, "#") {
					fault("it leads to %q", ref)
				}
				refs[strings.TrimPrefix(ref, "#")] = true
			}
		}
		if attrs["http-equiv"] == "Content-Security-Policy" {
			policy = attrs["content"]
			if !slices.Contains(stack, "head") {
				fault("policy outside the head")
			}
		}
		if len(name) == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6' {
			if n := int(name[1] - '0'); n > level+1 {
				fault("h%d after h%d", n, level)
			} else {
				level = n
			}
		}
		if name == "table" {
			tables++
			if !strings.HasPrefix(rest, "<caption") {
				fault("a table without a caption")
			}
		}
		switch {
		case name == "style":
			end := strings.Index(rest, "</style>")
			if end < 0 || style != "" {
				fault("style")
				return list
			}
			style, rest = rest[:end], rest[end+len("</style>"):]
		case !slices.Contains(void, name) && m[4] == "":
			stack = append(stack, name)
		}
	}
	if len(stack) > 0 {
		fault("open: %v", stack)
	}
	for ref := range refs {
		if !ids[ref] {
			fault("nothing is called %q", ref)
		}
	}
	sum := sha256.Sum256([]byte(style))
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"; policy != want || style == "" {
		fault("the policy is %q, want %q", policy, want)
	}
	for _, word := range []string{"url(", "@import", "expression(", "<", "://"} {
		if strings.Contains(style, word) {
			fault("the style has %q", word)
		}
	}
	return list
}
