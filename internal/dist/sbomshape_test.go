package dist

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the JSON schema of CycloneDX 1.6 says of the parts that are used here: members
// that must be there and that may be, and the form of texts.
// https://cyclonedx.org/docs/1.6/json/
type shape struct {
	must, may string // names of members, with blanks between them
	text      map[string]string
	parts     map[string]*shape // of objects, and of arrays of them
}

var (
	bomRefText = `^.+$`
	licenseIDs = `^(Apache-2\.0|BSD-2-Clause|BSD-3-Clause|ISC|MIT|MPL-2\.0|0BSD|CC0-1\.0|Unlicense)$` // of SPDX
	partShape  = &shape{
		must: "type name", may: "bom-ref version hashes licenses purl properties",
		text: map[string]string{
			"type": `^(application|library|file)$`, "bom-ref": bomRefText, "name": `^.+$`, "version": `^[^ ]+$`,
			"purl": `^pkg:golang/[a-zA-Z0-9.~_/-]+@[a-zA-Z0-9.~_%-]+(#[a-z0-9./-]+)?$`,
		},
		parts: map[string]*shape{
			"hashes":     {must: "alg content", text: map[string]string{"alg": `^SHA-256$`, "content": `^[0-9a-fA-F]{64}$`}},
			"licenses":   {must: "license", parts: map[string]*shape{"license": {must: "id", text: map[string]string{"id": licenseIDs}}}},
			"properties": {must: "name value", text: map[string]string{"name": `^.+$`, "value": ``}},
		},
	}
	wholeShape = &shape{
		must: "bomFormat specVersion serialNumber version metadata components dependencies", may: "$schema",
		text: map[string]string{
			"$schema": `^http://cyclonedx\.org/schema/bom-1\.6\.schema\.json$`, "bomFormat": `^CycloneDX$`, "specVersion": `^1\.6$`,
			"serialNumber": `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
		},
		parts: map[string]*shape{
			"metadata":     {must: "timestamp component", text: map[string]string{"timestamp": `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$`}, parts: map[string]*shape{"component": partShape}},
			"components":   partShape,
			"dependencies": {must: "ref", may: "dependsOn", text: map[string]string{"ref": bomRefText}},
		},
	}
)

// check compares a value with a shape.
func (s *shape) check(at string, value any) (wrong []string) {
	if list, ok := value.([]any); ok {
		for i, v := range list {
			wrong = append(wrong, s.check(fmt.Sprintf("%s[%d]", at, i), v)...)
		}
		return wrong
	}
	has, ok := value.(map[string]any)
	if !ok {
		return []string{at + " is no object"}
	}
	must, may := strings.Fields(s.must), strings.Fields(s.may)
	for _, name := range must {
		if _, ok := has[name]; !ok {
			wrong = append(wrong, at+" has no "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if !slices.Contains(must, name) && !slices.Contains(may, name) {
			wrong = append(wrong, at+" has "+name)
		}
		if want, ok := s.text[name]; ok {
			if text, ok := has[name].(string); !ok || !regexp.MustCompile(want).MatchString(text) {
				wrong = append(wrong, fmt.Sprintf("%s.%s is %v", at, name, has[name]))
			}
		}
		if part := s.parts[name]; part != nil {
			wrong = append(wrong, part.check(at+"."+name, has[name])...)
		}
	}
	return wrong
}

// misshapen is what is wrong with the form of an SBOM.
func misshapen(data []byte) []string {
	var value map[string]any
	if err := json.Unmarshal(data, &value); err != nil {
		return []string{err.Error()}
	}
	wrong := wholeShape.check("bom", value)
	if len(wrong) > 0 {
		return wrong
	}
	if n, ok := value["version"].(float64); !ok || n < 1 || n != float64(int(n)) {
		wrong = append(wrong, fmt.Sprintf("version is %v", value["version"]))
	}
	refs := map[string]bool{}
	all := append([]any{value["metadata"].(map[string]any)["component"]}, value["components"].([]any)...)
	for _, c := range all {
		ref, ok := c.(map[string]any)["bom-ref"].(string)
		if ok && refs[ref] {
			wrong = append(wrong, "two are "+ref)
		}
		refs[ref] = true
	}
	depends := map[string]bool{}
	for _, d := range value["dependencies"].([]any) {
		ref := d.(map[string]any)["ref"].(string)
		if depends[ref] || !refs[ref] {
			wrong = append(wrong, ref+" depends twice, or is not there")
		}
		depends[ref] = true
		on, _ := d.(map[string]any)["dependsOn"].([]any)
		seen := map[any]bool{}
		for _, o := range on {
			if name, ok := o.(string); !ok || !refs[name] || seen[o] || name == ref {
				wrong = append(wrong, fmt.Sprintf("%s depends on %v", ref, o))
			}
			seen[o] = true
		}
	}
	for ref := range refs {
		if !depends[ref] {
			wrong = append(wrong, "nothing is said of what "+ref+" depends on")
		}
	}
	return wrong
}

// An SBOM has the form that CycloneDX 1.6 asks for, and what has not is noticed.
func TestSBOMShape(t *testing.T) {
	s := System{"linux", "arm"}
	dep := &debug.Module{Path: "example.org/Some/module", Version: "v1.2.3", Sum: "h1:" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	r := &release{version: "1.2.3-rc.1", revision: strings.Repeat("1a", 20), time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), built: map[System]*built{s: {
		programs: map[string][]byte{"desfire": {1}, "desfire-server": {2}},
		info:     map[string]*debug.BuildInfo{"desfire": {Deps: []*debug.Module{dep}}, "desfire-server": {}},
		modules:  []module{{path: "std", version: "go1.26.0", licences: []string{"BSD-3-Clause"}}, {path: "example.org/Some/module", version: "v1.2.3", licences: []string{"MIT", "Apache-2.0"}}, {path: "htmx", licences: []string{"0BSD"}}},
	}}}
	data, err := r.sbom(s)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := misshapen(data); len(wrong) > 0 {
		t.Errorf("%s\n%s", strings.Join(wrong, "\n"), data)
	}
	for old, other := range map[string]string{
		`"bomFormat": "CycloneDX"`: `"bomFormat": "SPDX"`, `"version": 1,`: `"version": 0,`, `"specVersion": "1.6",`: ``, `urn:uuid:`: `uuid:`,
		`2026-01-02T03:04:05Z`: `2026-01-02`, `"type": "library"`: `"type": "module"`, `"id": "MIT"`: `"id": "free"`, `"alg": "SHA-256"`: `"alg": "sha256"`,
		`"content": "`: `"content": "0`, `"bom-ref": "htmx"`: `"bom-ref": "std"`, `"ref": "htmx"`: `"ref": "other"`, `"metadata": {`: `"more": 1, "metadata": {`,
		`"name": "htmx"`: `"title": "htmx"`, `pkg:golang/example.org`: `golang:example.org`,
	} {
		text := strings.Replace(string(data), old, other, 1)
		if text == string(data) {
			t.Errorf("%s is not in it", old)
		}
		if len(misshapen([]byte(text))) == 0 {
			t.Errorf("%s for %s is not noticed", other, old)
		}
	}
}
