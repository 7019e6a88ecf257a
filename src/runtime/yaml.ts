/** The library for YAML, to be imported only where it is needed: the controller and the speaker in a pod never do. */
export { parse, parseAllDocuments, stringify } from "yaml";
