package dist

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The parts of CycloneDX 1.6 that are used here.
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     bomMetadata  `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	bomMetadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Ref        string       `json:"bom-ref"`
		Type       string       `json:"type"`
		Name       string       `json:"name"`
		Version    string       `json:"version,omitempty"`
		Hashes     []bomHash    `json:"hashes,omitempty"`
		Licences   []bomLicence `json:"licenses"`
		PURL       string       `json:"purl,omitempty"`
		Properties []property   `json:"properties,omitempty"`
	}
	bomHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	bomLicence struct {
		Licence bomLicenceID `json:"license"`
	}
	bomLicenceID struct {
		ID string `json:"id"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
)

// sbom is what the programs for a system are made of, as CycloneDX: the modules that Go
// says are linked, with the sums of go.sum, and what is embedded.
func (r *release) sbom(s System) ([]byte, error) {
	one := r.built[s]
	own := []bomLicence{{bomLicenceID{"Apache-2.0"}}}
	const module = "pkg:golang/github.com/go-desfire/desfire@v"
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: bomMetadata{
			Timestamp: r.time.Format(time.RFC3339),
			Component: component{
				Ref: "release", Type: "application", Name: "go-desfire", Version: r.version, Licences: own, PURL: module + r.version,
				Properties: []property{{"vcs.revision", r.revision}, {"system", s.String()}},
			},
		},
	}
	top := dependency{Ref: "release"}
	linked := map[string]*debug.Module{}
	for _, p := range programs {
		top.On = append(top.On, p)
		sum := sha256.Sum256(one.programs[p])
		b.Components = append(b.Components, component{
			Ref: p, Type: "application", Name: p, Version: r.version, Licences: own, PURL: module + r.version + "#cmd/" + p,
			Hashes: []bomHash{{"SHA-256", hex.EncodeToString(sum[:])}},
		})
		d := dependency{Ref: p, On: []string{"std"}}
		for _, m := range one.info[p].Deps {
			linked[m.Path] = m
			d.On = append(d.On, m.Path)
		}
		b.Dependencies = append(b.Dependencies, d)
	}
	for _, m := range one.modules {
		c := component{Ref: m.path, Type: "library", Name: m.path, Version: m.version}
		for _, id := range m.licences {
			c.Licences = append(c.Licences, bomLicence{bomLicenceID{id}})
		}
		switch dep := linked[m.path]; {
		case m.path == "std":
			c.PURL = "pkg:golang/std@" + m.version
		case m.version == "": // files of the page
			for i := range b.Dependencies {
				b.Dependencies[i].On = append(b.Dependencies[i].On, m.path)
			}
		case dep == nil || dep.Version != m.version:
			return nil, fmt.Errorf("%s %s has a licence, and is not linked", m.path, m.version)
		default:
			c.PURL = "pkg:golang/" + m.path + "@" + m.version
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(dep.Sum, "h1:"))
			if err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf("%s %s has the sum %q", m.path, m.version, dep.Sum)
			}
			c.Hashes = []bomHash{{"SHA-256", hex.EncodeToString(sum)}} // of go.sum
			delete(linked, m.path)
		}
		b.Components = append(b.Components, c)
		b.Dependencies = append(b.Dependencies, dependency{Ref: m.path})
	}
	for name := range linked {
		return nil, fmt.Errorf("%s is linked, and its licence was not looked for", name)
	}
	b.Dependencies = slices.Insert(b.Dependencies, 0, top)
	text, err := encode(b)
	if err != nil {
		return nil, err
	}
	b.Serial = uuid(sha256.Sum256(text))
	return encode(b)
}

func encode(b bom) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(b)
	return out.Bytes(), err
}

// uuid is a name for what has a sum, of version 8.
func uuid(sum [32]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0F|0x80, u[8]&0x3F|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
