package wire

// Feature is an ability that some generations have and others lack. Each
// command names the one it needs.
type Feature uint8

// Features. Their rows, with the source, stand in featureTable.
const (
	FeatureAny             Feature = iota // every card
	FeatureApplications                   // applications and files can be created and deleted
	FeatureClassic                        // AF-chained data commands, GetKeySettings, native framing
	FeatureD40Auth                        // Authenticate 0A
	FeatureEV1Auth                        // AuthenticateISO, AuthenticateAES
	FeatureEV2Auth                        // AuthenticateEV2First, NonFirst
	FeatureLRP                            // AuthenticateLRPFirst, NonFirst
	FeatureISOAuth                        // ISO 7816-4 authentication
	FeatureEV1Commands                    // FreeMemory, GetDFNames
	FeatureCardUID                        // GetCardUID, SetConfiguration
	FeatureFiles                          // GetFileIDs, DeleteFile
	FeatureISOFiles                       // ISO file identifiers
	FeatureTransactions                   // value and record files, CommitTransaction
	FeatureISOChaining                    // AD, 8D
	FeatureISORecords                     // AB, 8B, BA
	FeatureUpdateRecord                   // DB
	FeatureKeySets                        // C6, 55, 56, 57
	FeatureDelegated                      // C9, 69
	FeatureTMAC                           // CE, C8, commit option
	FeatureRestore                        // B1
	FeatureProximity                      // F0, F2, FD; virtual card selection
	FeatureSignature                      // 3C
	FeatureFileCounters                   // F6, SDM
	FeatureISOFileAccess                  // A4, B0, D6
	FeatureISORecordFiles                 // B2, E2
	FeatureISOUpdateRecord                // DC, DD
	FeatureAdditionalAR                   // additional access rights, key setting 3
	FeatureMFCMapping                     // CF, BF: EV2 XL and EV3C only
	FeatureTagTamper                      // F7: NTAG 424 DNA, see Version.TagTamper
	FeatureECP                            // EE: parts for enhanced contactless polling only
	FeatureFailureCounter                 // failed authentications can be counted
	numFeatures
)

// featureRow says which generations have a feature, and where that is written.
type featureRow struct {
	name   string
	gens   genSet
	source string
}

var featureTable = [numFeatures]featureRow{
	FeatureAny:             {"every card", gens(D40, EV1, EV2, EV3, Light, NTAG424), "19.1"},
	FeatureApplications:    {"creating applications and files", gens(D40, EV1, EV2, EV3), "19.1"},
	FeatureClassic:         {"AF-chained data commands", gens(D40, EV1, EV2, EV3), "19.1, 16"},
	FeatureD40Auth:         {"D40 authentication", gens(D40, EV1, EV2, EV3), "19.1"},
	FeatureEV1Auth:         {"EV1 authentication", gens(EV1, EV2, EV3), "19.1"},
	FeatureEV2Auth:         {"EV2 authentication", gens(EV2, EV3, Light, NTAG424), "19.1"},
	FeatureLRP:             {"LRP", gens(Light, NTAG424), "19.1, 6.6"},
	FeatureISOAuth:         {"ISO 7816-4 authentication", gens(EV1, EV2, EV3), "6.7"},
	FeatureEV1Commands:     {"FreeMemory and GetDFNames", gens(EV1, EV2, EV3), "19.1"},
	FeatureCardUID:         {"GetCardUID and SetConfiguration", gens(EV1, EV2, EV3, Light, NTAG424), "19.1"},
	FeatureFiles:           {"GetFileIDs and DeleteFile", gens(D40, EV1, EV2, EV3, Light), "19.1"},
	FeatureISOFiles:        {"ISO file identifiers", gens(EV1, EV2, EV3, Light), "19.1"},
	FeatureTransactions:    {"value and record files", gens(D40, EV1, EV2, EV3, Light), "19.1"},
	FeatureISOChaining:     {"ISO-chained data commands", gens(EV2, EV3, Light, NTAG424), "19.1, 2.4"},
	FeatureISORecords:      {"ISO-chained record commands", gens(EV2, EV3, Light), "19.1, 2.4"},
	FeatureUpdateRecord:    {"UpdateRecord", gens(EV2, EV3), "19.1"},
	FeatureKeySets:         {"key sets", gens(EV2, EV3), "19.1"},
	FeatureDelegated:       {"delegated applications", gens(EV2, EV3), "19.1"},
	FeatureTMAC:            {"transaction MAC", gens(EV2, EV3, Light), "19.1"},
	FeatureRestore:         {"RestoreTransfer", gens(EV2, EV3), "19.1"},
	FeatureProximity:       {"proximity check", gens(EV2, EV3), "19.1"},
	FeatureSignature:       {"originality signature", gens(EV2, EV3, Light, NTAG424), "19.1"},
	FeatureFileCounters:    {"file counters and SDM", gens(EV3, NTAG424), "19.1"},
	FeatureISOFileAccess:   {"ISO 7816-4 file access", gens(D40, EV1, EV2, EV3, Light, NTAG424), "19.1; D40 from software 0.6"},
	FeatureISORecordFiles:  {"ISO 7816-4 record access", gens(D40, EV1, EV2, EV3, Light), "19.1; D40 from software 0.6"},
	FeatureISOUpdateRecord: {"ISO 7816-4 UPDATE RECORD", gens(EV3), "15.7, one source"},
	FeatureAdditionalAR:    {"additional access rights", gens(EV2, EV3), "19.2"},
	FeatureMFCMapping:      {"MIFARE Classic mapping", 0, "18; EV2 XL and EV3C parts only"},
	FeatureECP:             {"enhanced contactless polling", 0, "5.4; ECP-capable parts only"},
	FeatureFailureCounter:  {"counters of failed authentications", gens(EV3, Light, NTAG424), "6"},
	FeatureTagTamper:       {"tag tamper", gens(NTAG424), "17; TagTamper parts only"},
}

func (f Feature) String() string {
	if f < numFeatures {
		return featureTable[f].name
	}
	return "unknown feature"
}

// Source is the section of the command reference that the row comes from.
func (f Feature) Source() string {
	if f < numFeatures {
		return featureTable[f].source
	}
	return ""
}

// Has reports whether cards of generation g have feature f. An unknown
// generation is treated as the newest known one.
func (g Generation) Has(f Feature) bool {
	if g == UnknownGeneration {
		g = EV3
	}
	return f < numFeatures && featureTable[f].gens.has(g)
}
