package report

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Format names the JSON form of a Report.
const Format = "desfire-report"

// version of Format.
const version = 1

// Report is a card and what follows from it. Its JSON form has stable member
// names.
type Report struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Made    string `json:"made"` // RFC 3339
	By      string `json:"by,omitempty"`
	Title   string `json:"title"`
	Source  Source `json:"source"`

	Redacted *Redaction `json:"redacted,omitempty"` // nil: nothing was left out

	Card *inspect.Card `json:"card"`

	Sure        string      `json:"sure"` // how sure it is what the card is
	Features    []Feature   `json:"features"`
	Originality Originality `json:"originality"`
	Memory      Memory      `json:"memory"`
	Keys        []Key       `json:"keys"` // of the card itself

	// Applications are those of Card, in the same order.
	Applications []Application `json:"applications"`

	Extra

	Worries []Worry        `json:"worries"` // the worst first
	Missing []inspect.Lost `json:"missing"`
}

// Source is where the card was read from.
type Source struct {
	Kind    string   `json:"kind"`              // card or file
	File    string   `json:"file,omitempty"`    // its name
	Format  string   `json:"format,omitempty"`  // of the file, in words
	Written string   `json:"written,omitempty"` // RFC 3339
	By      string   `json:"by,omitempty"`      // program that wrote the file
	Notes   []string `json:"notes,omitempty"`   // what was made of parts of the file
}

// Feature is something that cards of some generations can do.
type Feature struct {
	Name string `json:"name"`
	Has  bool   `json:"has"`
}

// Config says what a report is to be. Nil is a whole report of a card that was
// read now.
type Config struct {
	By   string    // program and version
	Made time.Time // zero is now

	Source Source // zero is a card
	Extra  *Extra // what Ask found

	// Redact leaves out what tells this card from others, and what is on it: UID,
	// batch, signature, DF names, ISO identifiers that are not standard, contents,
	// values, counters, reader and file. The same name has the same stand-in
	// everywhere, and so has the same content. The report says what was left out,
	// and what was not.
	Redact bool
}

// New makes the report of a card. It keeps c and what conf refers to.
func New(c *inspect.Card, conf *Config) *Report {
	if conf == nil {
		conf = new(Config)
	}
	made := conf.Made
	if made.IsZero() {
		made = time.Now()
	}
	r := &Report{
		Format: Format, Version: version, Made: made.UTC().Format(time.RFC3339), By: conf.By, Source: conf.Source,
		Card: c, Sure: sure(c, conf.Source), Originality: originalityOf(c), Features: featuresOf(c.Generation), Applications: []Application{},
	}
	if r.Source.Kind == "" {
		r.Source.Kind = "card"
	}
	if conf.Extra != nil {
		r.Extra = *conf.Extra
	}
	var red *redactor
	if conf.Redact {
		red = newRedactor()
		r.Card = red.card(c)
		r.Source = Source{Kind: r.Source.Kind, Format: r.Source.Format}
		r.Redacted = red.says(conf.Source)
	}
	r.Title = r.Card.Name
	r.Keys = cardKeys(r.Card, r.Special)
	for i := range c.Applications {
		r.Applications = append(r.Applications, newApplication(c, i, r.Card, red))
	}
	r.Memory = memoryOf(r.Card, r.Applications, &r.Extra)
	r.Worries = worries(r)
	r.Missing = r.Card.Lost()
	return r
}

// JSON is the report as an indented JSON object.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", " ")
	return append(b, '\n'), err
}

// sure says how sure it is what a card is.
func sure(c *inspect.Card, from Source) string {
	v := versionOf(c)
	if v == nil && from.Kind == "file" {
		return "The file says so, if anything does. It does not hold what the card answered to GetVersion."
	}
	if v == nil {
		return "Told by how the card answers: it did not tell its version."
	}
	words := "The card says so itself (GetVersion). Anything can answer that: only the originality signature is NXP's word."
	if _, known := v.Generation(); !known {
		words = fmt.Sprintf("This program does not know its generation, and takes it for %v: what follows from that may be wrong. ", c.Generation) + words
	}
	return words
}

// shown are features that people ask for, in the order of the page.
var shown = [...]wire.Feature{
	wire.FeatureApplications, wire.FeatureTransactions, wire.FeatureEV1Auth, wire.FeatureEV2Auth, wire.FeatureLRP, wire.FeatureISOAuth, wire.FeatureISOFiles,
	wire.FeatureISOFileAccess, wire.FeatureCardUID, wire.FeatureSignature, wire.FeatureTMAC, wire.FeatureFileCounters, wire.FeatureKeySets,
	wire.FeatureDelegated, wire.FeatureProximity, wire.FeatureAdditionalAR, wire.FeatureFailureCounter,
}

func featuresOf(g wire.Generation) []Feature {
	list := []Feature{}
	if g == wire.UnknownGeneration {
		return list
	}
	for _, f := range shown {
		list = append(list, Feature{f.String(), g.Has(f)})
	}
	return list
}
