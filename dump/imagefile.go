package dump

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// An image is the memory of a simulated card: also what a key protects. Package
// sim writes it; the members are declared here once more, since the reader's side
// must not know the card's.

type imageFile struct {
	Format     string          `json:"format"`
	Version    int             `json:"version"`
	Generation wire.Generation `json:"generation"`
	UID        inspect.Hex     `json:"uid"`
	Storage    any             `json:"storage"`
	Used       any             `json:"used"`
	GetVersion struct {
		Hardware   inspect.Hex `json:"hardware"`
		Software   inspect.Hex `json:"software"`
		Production inspect.Hex `json:"production"`
	} `json:"getVersion"`
	KeySettings  inspect.Hex `json:"keySettings"`
	Config       imageConfig `json:"configuration"`
	Signature    inspect.Hex `json:"signature"`
	Applications []imageApp  `json:"applications"`
	Slots        any         `json:"delegatedSlots"`
	DefaultKey   any         `json:"defaultKey"`
	Keys         []imageKey  `json:"keys"`
}

// imageConfig has one thing that a card shows; the others are those that it does
// not tell.
type imageConfig struct {
	Flags           inspect.Hex `json:"flags"`
	ATS             any         `json:"ats"`
	SAK             any         `json:"sak"`
	SecureMessaging any         `json:"secureMessaging"`
	Capabilities    inspect.Hex `json:"capabilities"`
	Name            any         `json:"name"`
	Renamed         any         `json:"renamed"`
	FailedAuth      any         `json:"failedAuthentications"`
	Hardware        any         `json:"hardware"`
	ATQA            any         `json:"atqa"`
	Tamper          any         `json:"tamper"`
}

// lrp reports whether LRP was switched on.
func (c *imageConfig) lrp() bool {
	return len(c.Capabilities) > wire.CapPDCap2_1 && c.Capabilities[wire.CapPDCap2_1]&wire.CapLRP != 0
}

type imageApp struct {
	AID         wire.AID      `json:"aid"`
	KeySettings inspect.Hex   `json:"keySettings"`
	KeyType     string        `json:"keyType"`
	KeyCount    int           `json:"keyCount"`
	ISOFileIDs  bool          `json:"isoFileIDs"`
	ISOID       inspect.Hex   `json:"isoID"`
	DFName      inspect.Hex   `json:"dfName"`
	KeySets     *imageSets    `json:"keySets"`
	Files       []imageFileOf `json:"files"`
}

type imageSets struct {
	ActiveVersion uint8 `json:"activeVersion"`
	MaxKeySize    uint8 `json:"maxKeySize"`
	RollKey       uint8 `json:"rollKey"`
	Others        []struct {
		Initialized bool   `json:"initialized"`
		Finalized   bool   `json:"finalized"`
		Version     uint8  `json:"version"`
		KeyType     string `json:"keyType"`
	} `json:"others"`
}

type imageFileOf struct {
	No         int           `json:"no"`
	Type       string        `json:"type"`
	Comm       string        `json:"comm"`
	Rights     inspect.Hex   `json:"rights"`
	More       []inspect.Hex `json:"additionalRights"`
	ISOID      inspect.Hex   `json:"isoID"`
	Size       uint32        `json:"size"`
	Data       hexLines      `json:"data"`
	RecordSize uint32        `json:"recordSize"`
	MaxRecords uint32        `json:"maxRecords"`
	Records    []hexLines    `json:"records"`
	Value      *struct {
		Lower   int32 `json:"lower"`
		Upper   int32 `json:"upper"`
		Value   int32 `json:"value"`
		Credit  int32 `json:"limitedCredit"`
		Limited bool  `json:"limitedCreditEnabled"`
		FreeGet bool  `json:"freeGetValue"`
		Set     any   `json:"configured"`
	} `json:"value"`
	TMAC *struct {
		Exclude  bool        `json:"excludeUnauthenticated"`
		Limit    *uint32     `json:"limit"`
		Counter  uint32      `json:"counter"`
		Value    inspect.Hex `json:"value"`
		ReaderID any         `json:"readerID"`
	} `json:"tmac"`
	SDM *struct {
		Settings inspect.Hex `json:"settings"`
		ReadCtr  uint32      `json:"readCounter"`
	} `json:"sdm"`
}

type imageKey struct {
	Application wire.AID `json:"application"`
	No          int      `json:"no"`
	Set         int      `json:"keySet"`
	TMAC        bool     `json:"transactionMAC"`
	Type        string   `json:"type"`
	Version     uint8    `json:"version"`
	Value       withheld `json:"value"`
	Failures    any      `json:"failedAuthentications"`
}

// hexLines is bytes as one string or a list of them.
type hexLines []byte

// UnmarshalJSON reads either.
func (h *hexLines) UnmarshalJSON(b []byte) error {
	var list []string
	if len(b) > 0 && b[0] == '"' {
		list = make([]string, 1)
		if err := json.Unmarshal(b, &list[0]); err != nil {
			return err
		}
	} else if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*h = nil
	for _, s := range list {
		d, err := hex.DecodeString(s)
		if err != nil {
			return fmt.Errorf("%.40q is not hexadecimal: want two digits a byte", s)
		}
		*h = append(*h, d...)
	}
	return nil
}
