package yaml

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// Schema is the JSON Schema of layouts, for editors: docs/layout.schema.json. It
// takes what Read takes; Read refuses more than a schema can tell.
func Schema() []byte {
	b, err := json.Marshal(rootSchema())
	if err != nil {
		return nil // a schema of constants
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil
	}
	return append(out.Bytes(), '\n')
}

type schema = jsonschema.Schema

func rootSchema() *schema {
	s := object("what DESFire cards should be", []string{"desfire", "card"}, prop{"desfire", &schema{Const: constant(format), Description: "The version of this language."}},
		prop{"name", text("What the cards are called, for people.")},
		prop{"card", ref("card")},
		prop{"keys", &schema{
			Description: "Keys by the names that the rest of the layout uses. A layout holds no key: where keys are kept is said by the key store of whoever applies it.",
			Types:       []string{"object", "null"},
			PropertyNames: &schema{AllOf: []*schema{
				{Pattern: keyName.String()},
				{Not: &schema{Enum: words2any(reserved)}},
			}},
			AdditionalProperties: &schema{AnyOf: []*schema{ref("key"), {Type: "array", Description: "Keys that the name had, the newest first; cards hold one of them.", MinItems: jsonschema.Ptr(1), MaxItems: jsonschema.Ptr(maxVersions), Items: &schema{AllOf: []*schema{ref("key"), {AnyOf: required("version", "zero")}}}}}},
		}},
		prop{"applications", &schema{Description: "Applications that should be there.", Types: []string{"array", "null"}, MaxItems: jsonschema.Ptr(maxApplications), Items: ref("application")}},
	)
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.ID = "https://github.com/go-desfire/desfire/docs/layout.schema.json"
	s.Title = "DESFire layout"
	s.Description = "What DESFire cards should be. Read by package perso/yaml and the desfire layout verbs."
	s.Defs = definitions()
	return s
}

func definitions() map[string]*schema {
	defs := map[string]*schema{
		"keyName":       {Title: "name of a key", Description: "One of the names in keys.", Type: "string", Pattern: keyName.String()},
		"right":         {Title: "who may", Description: "The name of a key of the application, free for everybody, or never for nobody.", Type: "string", Pattern: keyName.String()},
		"hex":           {Description: "Bytes in hexadecimal; blanks may stand between them. Digits alone should stand in quotes.", Types: []string{"string", "integer", "number"}, Pattern: `^\s*([0-9A-Fa-f]\s*)*$`},
		"keyVersion":    {Description: "The version of a key, which cards tell: how one sees which key a card holds.", Type: "integer", Minimum: jsonschema.Ptr(0.0), Maximum: jsonschema.Ptr(255.0)},
		"keyType":       {Description: "Cards keep DES and 2K3DES keys as one type.", Enum: words2any(keyTypes)},
		"key":           keySchema(),
		"card":          cardSchema(),
		"cardSettings":  settingsSchema(true),
		"settings":      settingsSchema(false),
		"application":   applicationSchema(),
		"keySet":        keySetSchema(),
		"content":       contentSchema(),
		"record":        recordSchema(),
		"recordContent": {AnyOf: []*schema{{Type: "string"}, {Type: "integer"}, {Type: "number"}, one("template", text("Text with {{.column}}.")), one("hex", ref("hex")), one("file", text("A file beside the layout."))}},
		"sdm":           sdmSchema(),
		"file":          {},
	}
	for _, t := range fileTypes {
		name := "file-" + t.word
		defs[name] = fileSchema(t.word, t.typ, t.members)
		defs["file"].AnyOf = append(defs["file"].AnyOf, ref(name))
	}
	return defs
}

type prop struct {
	name   string
	schema *schema
}

// object is a mapping of these members and no others.
func object(what string, required []string, props ...prop) *schema {
	s := &schema{Description: what, Type: "object", Required: required, Properties: map[string]*schema{}, AdditionalProperties: &schema{Not: &schema{}}}
	for _, p := range props {
		s.Properties[p.name] = p.schema
		s.PropertyOrder = append(s.PropertyOrder, p.name)
	}
	return s
}

// one is a mapping of one member.
func one(name string, s *schema) *schema { return object("", []string{name}, prop{name, s}) }

func ref(name string) *schema { return &schema{Ref: "#/$defs/" + name} }

func refs(name, what string) *schema {
	return &schema{Ref: "#/$defs/" + name, Description: what}
}

func constant(s string) *any {
	v := any(s)
	return &v
}

func words2any(words []string) (list []any) {
	for _, w := range words {
		list = append(list, w)
	}
	return list
}

func oneOf(what string, words ...string) *schema {
	return &schema{Description: what, Enum: words2any(words)}
}

func text(what string) *schema {
	return &schema{Description: what, Types: []string{"string", "integer", "number", "boolean"}}
}

func number(what string, low, high float64) *schema {
	return &schema{Description: what, Type: "integer", Minimum: &low, Maximum: &high}
}

func flag(what string) *schema { return &schema{Description: what, Type: "boolean"} }

func list(what string, items *schema) *schema {
	return &schema{Description: what, Type: "array", Items: items}
}

func keySchema() *schema {
	in := object("What AN10922 derives the key from: UID, AID and system, of those that are said, in this order.", nil,
		prop{"uid", flag("The UID of the card: each card has a key of its own.")},
		prop{"aid", flag("The AID of the application, its most significant byte first.")},
		prop{"system", &schema{Description: "An identifier of the system: text, or hex: and bytes in hexadecimal.", Types: []string{"string", "integer", "number", "boolean"}}},
	)
	in.MinProperties = jsonschema.Ptr(1)
	s := object("A key: what it is, and of which master key it is made. Without from the key store of whoever applies the layout has it at its place, UID/APPLICATION/KEY.", []string{"type"},
		prop{"type", ref("keyType")},
		prop{"version", ref("keyVersion")},
		prop{"from", &schema{Description: "The name of a master key in the key store. It says not where that is: programs, modules, variables and files are no names.", Type: "string", Pattern: `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`, Not: &schema{Const: constant("prompt")}}},
		prop{"diversify", object("How the key is made of the master key; without it, it is the master key.", []string{"an10922"}, prop{"an10922", in})},
		prop{"zero", flag("The key of zeros that cards and applications begin with.")},
	)
	s.DependentRequired = map[string][]string{"diversify": {"from"}}
	return s
}

func cardSchema() *schema {
	var generations []string
	for _, g := range wire.Generations {
		generations = append(generations, strings.ToLower(g.String()))
	}
	var options []prop
	var forever []string
	for _, o := range perso.Options() {
		if o.Forever {
			forever = append(forever, o.Name)
			continue
		}
		p := prop{o.Name, &schema{Description: "Sets " + o.What + ".", Types: []string{"string", "integer", "number"}}}
		switch {
		case o.Name == perso.OptionDefaultKey:
			p.schema = refs("keyName", "The key that keys of new applications begin with.")
		case o.Name == "no-messaging":
			p.schema = list("Secure messaging that the card refuses; [] allows all.", oneOf("", "d40", "ev1", "chained-writing"))
		case o.Name == "failed-attempts":
			p.schema = &schema{Description: "Blocks a key after so many failed attempts.", AnyOf: []*schema{
				{Const: constant("off")},
				object("", []string{"limit"}, prop{"limit", number("Attempts that may fail.", 1, 0xFFFF)}, prop{"decrement", number("What one that succeeds takes off.", 0, 0xFFFF)}),
			}}
		case o.Value == "":
			p.schema = flag("Sets " + o.What + ".")
		default:
			p.schema = refs("hex", "Sets "+o.What+", in hexadecimal.")
		}
		options = append(options, p)
	}
	return object("The card itself.", []string{"generations"},
		prop{"generations", &schema{Description: "The cards that the layout is for.", Type: "array", MinItems: jsonschema.Ptr(1), UniqueItems: true, Items: oneOf("", generations...)}},
		prop{"master", refs("keyName", "The PICC master key. Not on light and ntag424.")},
		prop{"settings", ref("cardSettings")},
		prop{"keys", rolesSchema("Keys of the card that have roles: of delegated applications and of virtual cards.", cardRoles...)},
		prop{"options", object("Settings of the card that can be undone, by the names of desfire config set.", nil, options...)},
		prop{"irreversible", &schema{Description: "What can never be undone. It is made last, the random identifier the very last, and only if it is asked for by name when the layout is applied.", Type: "array", UniqueItems: true, Items: oneOf("", forever...)}},
	)
}

func rolesSchema(what string, roles ...keystore.Role) *schema {
	var props []prop
	for _, r := range roles {
		words := r.ID().Words()
		props = append(props, prop{r.String(), refs("keyName", strings.ToUpper(words[:1])+words[1:]+".")})
	}
	return object(what, nil, props...)
}

func settingsSchema(ofCard bool) *schema {
	what := map[inspect.Setting]string{
		inspect.SettingList:           "Who lists files and settings: free, or master for the master key. Without it free.",
		inspect.SettingCreate:         "Who creates and deletes: free, or master for the master key. Without it master.",
		inspect.SettingChangeSettings: "Who changes these settings: master, or never, which can never be undone. Without it master.",
		inspect.SettingMasterKey:      "Whether the master key may be changed; frozen can never be undone. Without it changeable.",
	}
	var props []prop
	for _, name := range []inspect.Setting{inspect.SettingList, inspect.SettingCreate, inspect.SettingChangeSettings, inspect.SettingMasterKey} {
		props = append(props, prop{string(name), oneOf(what[name], inspect.SettingValues(name, ofCard)...)})
	}
	if !ofCard {
		props = append(props, prop{string(inspect.SettingChangeKeys), refs("keyName", "Who changes the other keys: master, same for each with itself, never, or the name of a key. Without it master.")})
		return object("Settings of the application.", nil, props...)
	}
	return object("Settings of the card.", nil, props...)
}

// numbered makes s a mapping of names of keys by number.
func numbered(s *schema) *schema {
	s.PropertyNames = &schema{Pattern: `^(master|[0-9]|1[0-3]|0x0?[0-9A-Da-d])$`}
	s.AdditionalProperties = ref("keyName")
	return s
}

func applicationSchema() *schema {
	var options []string
	for _, o := range appOptions {
		options = append(options, o.word)
	}
	s := object("An application.", []string{"aid"},
		prop{"aid", &schema{Description: "Six hexadecimal digits, as text; app is the one application of light and ntag424.", Types: []string{"string", "integer", "number"}, Pattern: `^([0-9A-Fa-f]{6}|[Aa][Pp][Pp])$`}},
		prop{"name", text("What the application is called, for people.")},
		prop{"iso-id", refs("hex", "Its ISO identifier, two bytes.")},
		prop{"df-name", &schema{Description: "Its DF name, which phones and ISO readers select: 1 to 16 bytes in hexadecimal, or text:NAME.", Types: []string{"string", "integer", "number"}, Pattern: `^(text:[\s\S]{1,16}|([0-9A-Fa-f]{2}){1,16})$`}},
		prop{"key-type", refs("keyType", "The type of its keys; without it that of the keys that it names.")},
		prop{"key-count", number("How many keys it has; without it as many as are named.", 1, wire.MaxKeys)},
		prop{"keys", numbered(&schema{Description: "Its keys by number, master for number 0. Rights go to these names.", Types: []string{"object", "null"}})},
		prop{"settings", ref("settings")},
		prop{"options", &schema{Description: "Key setting 3 (EV2 and later).", Type: "array", UniqueItems: true, Items: oneOf("", options...)}},
		prop{"key-sets", object("Key sets (EV2 and later): the application is changed from one set of keys to the next at once.", nil,
			prop{"active-version", refs("keyVersion", "The version of the active set, number 0.")},
			prop{"max-key-size", &schema{Description: "Bytes of the longest key: 24 where sets have 3K3DES keys.", Enum: []any{16, 24}}},
			prop{"roll", refs("keyName", "The key that makes another set the active one.")},
			prop{"count", number("How many sets there are, with the active one.", 2, 16)},
			prop{"sets", &schema{Description: "Sets by number, but for the active one.", Type: "object", PropertyNames: &schema{Pattern: `^([1-9]|1[0-5]|0x0?[1-9A-Fa-f])$`}, AdditionalProperties: ref("keySet")}},
		)},
		prop{"vc-keys", rolesSchema("Keys of virtual cards, with the option own-vc-keys.", appRoles...)},
		prop{"delegated", delegatedSchema()},
		prop{"files", &schema{Description: "Files that should be there.", Types: []string{"array", "null"}, Items: ref("file")}},
	)
	s.DependentRequired = map[string][]string{"df-name": {"iso-id"}}
	return s
}

func delegatedSchema() *schema {
	s := object("The application is made by delegation, in memory that the issuer of the card gave away. Without signed it is signed with the delegation keys of the key store.", nil,
		prop{"slot", number("The slot of memory.", 0, 0xFFFF)},
		prop{"version", number("The version of the slot.", 0, 0xFF)},
		prop{"quota", number("Memory, in blocks of 32 bytes.", 1, 0xFFFF)},
		prop{"signed", text("A file beside the layout with the command as the issuer signed it.")},
	)
	s.AnyOf = []*schema{{Required: []string{"slot", "quota"}}, {Required: []string{"signed"}}}
	return s
}

func keySetSchema() *schema {
	return object("A key set.", []string{"version"},
		prop{"version", refs("keyVersion", "The version of the set.")},
		prop{"type", ref("keyType")},
		prop{"keys", numbered(&schema{Description: "Its keys by number, master for number 0.", Type: "object"})},
	)
}
