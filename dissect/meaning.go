package dissect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// meaning is what a field says, for people who have not read the data sheet. A
// number of several bytes, those of raw, says how it is written.
func meaning(command string, f wire.Field, raw []byte) string {
	words := meanings[f.Name]
	if words == "" {
		name := f.Name
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			name = name[i+1:]
		}
		name, _, _ = strings.Cut(name, "[")
		words = meanings[name]
	}
	if f.Name == "Length" && f.Value == "0" && strings.Contains(command, "Read") {
		words += "; 0: all there are"
	}
	if f.Number && f.Len > 1 {
		words = joined(words, order(f.Value, raw))
	}
	return words
}

// order says which byte of a number comes first, as far as that makes a difference.
func order(value string, raw []byte) string {
	var up, down uint64
	for i, b := range raw {
		up = up<<8 | uint64(b)
		down |= uint64(b) << (8 * min(i, 7))
	}
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		switch {
		case up == down:
			return ""
		case n == up:
			return "most significant byte first"
		}
	} else if strings.EqualFold(value, fmt.Sprintf("%X", raw)) {
		return ""
	}
	return "least significant byte first"
}

// meanings are the fields of all layouts.
var meanings = map[string]string{
	"":        "",
	"AID":     "number of the application",
	"KeyNo":   "number of the key",
	"FileNo":  "number of the file",
	"Amount":  "how much",
	"Value":   "the value",
	"Offset":  "from which byte on",
	"Length":  "how many bytes",
	"Data":    "the data themselves",
	"Size":    "size of the file in bytes",
	"ISOFID":  "identifier of the file for commands of ISO 7816-4",
	"DFName":  "name of the application for commands of ISO 7816-4",
	"IID":     "identifier of an installation, for virtual cards",
	"Token":   "the reader's answer to the challenge",
	"RndA":    "the reader's random number",
	"RndB":    "the card's random number",
	"RndPCD":  "the reader's random number",
	"MAC":     "proves who sent it",
	"Option":  "what exactly",
	"UID":     "the card's own number",
	"NUID":    "the card's own number, of 4 bytes",
	"Record":  "number of the record",
	"RecNo":   "number of the record, the newest is 0",
	"Key":     "a key",
	"KeyRef":  "which key",
	"ATS":     "how the card answers when it is activated",
	"Name":    "name of the application for commands of ISO 7816-4",
	"ShortEF": "the file, by its short identifier",

	"SecondAID":       "number of a second application, selected beside the first",
	"Application":     "an application",
	"P1":              "parameter of the command",
	"P2":              "parameter of the command",
	"Algorithm":       "which cipher",
	"Offset (high)":   "higher byte of the offset",
	"ShortEF, Mode":   "the file, by its short identifier, and which records",
	"AccessRights":    "which key may do what",
	"AddAccessRights": "further rights, each with keys of its own",
	"NrAddARs":        "how many further sets of rights follow",
	"FileOption":      "how the data travel, and what the file has besides",
	"FileType":        "kind of the file",
	"FileSize":        "size of the file in bytes",
	"RecordSize":      "size of a record in bytes",
	"RecCount":        "how many records; 0: all there are",

	"MaxNoOfRecords":       "how many records it can hold",
	"CurrentNoOfRecords":   "how many records it holds",
	"LowerLimit":           "the value cannot go below this",
	"UpperLimit":           "the value cannot go above this",
	"LimitedCreditEnabled": "whether the last debit may be given back, and the value read without a key",
	"LimitedCreditValue":   "how much of the last debit may be given back",
	"TargetFileNo":         "the value file that changes",
	"SourceFileNo":         "the value file whose value it takes",
	"RestoreFileNo":        "the file that restore takes its value from",

	"KeySett1":      "what is allowed with which key: settings of the application",
	"KeySett2":      "number and type of the keys, and whether files have ISO identifiers",
	"KeySett3":      "whether there are several key sets",
	"KeySetNo":      "number of the key set",
	"KeySetType":    "type of the keys in the set",
	"KeySetVersion": "version of the key set",
	"AppKeySetSett": "which key rolls key sets",
	"NoKeySets":     "how many key sets there are",
	"MaxKeySize":    "size of the longest key",
	"AKSVersion":    "version of the active key set",
	"KeyVersion":    "version of the key: it tells keys apart without showing them",
	"KeyData":       "the new key, in a cryptogram",

	"VendorID": "who made it: 04 is NXP",
	"Type":     "kind of product",
	"SubType":  "variant of the product",
	"Major":    "version of the product",
	"Minor":    "sub-version of the product",
	"Storage":  "size of the memory, as a power of two",
	"Protocol": "protocol on air",
	"BatchNo":  "batch of the production",
	"FabKeyID": "which keys it left the factory with",
	"CWProd":   "calendar week of the production",
	"YearProd": "year of the production",
	"Hardware": "the chip",
	"Software": "the program in it",

	"FreeBytes":  "how much memory is left",
	"FreeBlocks": "how much memory is left, in blocks of 32 bytes",
	"QuotaLimit": "how much memory a delegated application may take",
	"Signature":  "signature of NXP over the UID: the chip is an original",
	"Address":    "which signature",
	"UIDFormat":  "how the UID is written",
	"UIDLength":  "how many bytes the UID has",

	"Le":       "how long an answer may be",
	"LenCap":   "how many bytes of capabilities follow",
	"PCDcap2":  "what the reader can do",
	"CapData":  "what the card can do",
	"AuthMode": "which kind of authentication",
	"PICCData": "transaction identifier and capabilities, enciphered",

	"TMC":          "counter of the transaction MACs",
	"TMV":          "transaction MAC: proves the transaction to a back end",
	"TMRI":         "identifier of the reader that commits",
	"EncTMRI":      "identifier of the reader that committed before, enciphered",
	"TMKey":        "key of the transaction MACs",
	"TMKeyOption":  "type of that key",
	"TMKeyVersion": "version of that key",
	"TMCLimit":     "how far the counter may go",

	"SDMOptions":        "what the file mirrors into what it is read as",
	"SDMAccessRights":   "with which keys it mirrors",
	"SDMReadCtr":        "how often the file was read",
	"SDMReadCtrLimit":   "how often the file may be read",
	"SDMReadCtrOffset":  "where the counter is mirrored",
	"SDMMACOffset":      "where the MAC is mirrored",
	"SDMMACInputOffset": "where what the MAC covers begins",
	"SDMENCOffset":      "where enciphered data are mirrored",
	"SDMENCLength":      "how many bytes are enciphered",
	"UIDOffset":         "where the UID is mirrored",
	"PICCDataOffset":    "where UID and counter are mirrored, enciphered",
	"TTPermStatus":      "whether the tag was ever opened",
	"TTCurrStatus":      "whether the tag is open now",

	"DAMSlotNo":      "slot for a delegated application",
	"DAMSlotVersion": "version of the slot",
	"DAMMAC":         "the card issuer allows the application with it",
	"EncK":           "the first key of the application, enciphered",

	"PICCConfig":      "what the card as a whole allows",
	"SAK1":            "select acknowledge, of the first cascade",
	"SAK2":            "select acknowledge, of the second cascade",
	"ATQA":            "answer to request",
	"SMConfig":        "which secure messaging is allowed",
	"FailedCtrOption": "whether failed authentications are counted",
	"TotFailCtrLimit": "after how many failed authentications a key is locked",
	"TotFailCtrDecr":  "how much a successful authentication takes off the count",
	"HWOption":        "options of the chip",
	"pRndC":           "the reader's part of the random numbers",
	"PPS1":            "how fast the link may be",
	"PubRespTime":     "how fast the card answers, as it says",
	"NumBlocks":       "how many blocks follow",
	"Blocks":          "blocks of MIFARE Classic",
	"LicenseMAC":      "allows the mapping",
	"NameLength":      "length of the name",
	"Reserved":        "reserved for future use",
	"Cut":             "not in the recording",
}
