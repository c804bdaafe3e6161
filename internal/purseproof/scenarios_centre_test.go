package purseproof

// What only the centre decides.
var centreScenarios = []scenario{}
