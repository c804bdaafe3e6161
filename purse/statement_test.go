package purse_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/go-desfire/desfire/purse"
)

// Programs read these members, and people their order: neither changes.
func TestStatementJSON(t *testing.T) {
	at := purse.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	tmc, tmv := uint32(42), purse.TMV{8, 7, 6, 5, 4, 3, 2, 1}
	open := purse.Entry{
		ID: purse.ID{1, 2, 3, 15: 9}, Request: "ticket 7", Attempt: 2, Meta: map[string]string{"gate": "7"}, Began: at, Terminal: "gate 7", Policy: purse.Hostile,
		CardApp: purse.CardApp{UID: "04112233445566", App: "F00F01"},
		Moves:   []purse.Move{{File: 1, Kind: purse.Debit, Amount: 250}, {File: 2, Kind: purse.LimitedCredit, Amount: 1}},
		Values:  []purse.ValueBefore{{File: 1, Value: 1000}},
	}
	done := open
	done.Outcomes = []purse.Outcome{{
		Decision: purse.Happened, Rule: purse.RuleReceipt, Why: "the MAC fits", Alarms: []purse.Alarm{{Rule: purse.RuleReceipt, What: "it was held back", Block: true}},
		RelayExcluded: true, Time: at,
		Evidence: purse.Evidence{TMC: &tmc, TMV: &tmv, Values: []purse.ValueBefore{{File: 1, Value: 750}}},
	}}
	const (
		card  = `{"card_uid":"04112233445566","application":"F00F01",`
		named = `"id":"01020300000000000000000000000009","request":"ticket 7","attempt":2,"moves":[`
		debit = `{"file":1,"kind":"debit","amount":250,"before":1000,"after":`
		back  = `{"file":2,"kind":"limited credit","amount":1,"before":0,"after":`
		began = `"meta":{"gate":"7"},"began":"2026-03-01T12:00:00Z","terminal":"gate 7","policy":"hostile","decided":`

		undecided = `"decision":"in doubt","rule":"none","why":"","needs":null,"alarms":null,"relay_excluded":false,"fence":"none",`
		decided   = `"decision":"happened","rule":"14b","why":"the MAC fits","needs":null,"alarms":[{"rule":"14b","what":"it was held back","block":true}],"relay_excluded":true,"fence":"none",`
		counter   = `"tmc":42,"tmv":"0807060504030201",`
	)
	for _, x := range []struct {
		name    string
		receipt purse.Receipt
		want    string
	}{
		{"open", purse.Receipt{Entry: open},
			card + undecided + `"stored":false,` + named + debit + `null},` + back + `null}],"tmc":null,"tmv":null,` + began + `null}`},
		{"decided, values of the journal", purse.Receipt{Entry: done, Stored: true},
			card + decided + `"stored":true,` + named + debit + `750},` + back + `null}],` + counter + began + `"2026-03-01T12:00:00Z"}`},
		{"decided, values at hand", purse.Receipt{Entry: done, After: []purse.ValueBefore{{File: 2, Value: 1}}},
			card + decided + `"stored":false,` + named + debit + `null},` + back + `1}],` + counter + began + `"2026-03-01T12:00:00Z"}`},
	} {
		got, err := json.Marshal(x.receipt.Statement())
		if err != nil || string(got) != x.want {
			t.Errorf("%s: %v\n got %s\nwant %s", x.name, err, got, x.want)
		}
	}
}
