# Lines of `kind name version architecture source` in, an SPDX 2.3 document out.
def id: "SPDXRef-Package-" + gsub("[^A-Za-z0-9.-]"; "-");
def purl: "pkg:deb/debian/" + .name + "@" + (.version | @uri) + "?arch=" + .arch
  + "&distro=" + $distro + (if .source == .name then "" else "&upstream=" + .source end);

[inputs | split("\t") | { kind: .[0], name: .[1], version: .[2], arch: .[3], source: .[4] }]
| . as $found
| {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: $image,
    documentNamespace: ("https://spdx.org/spdxdocs/" + $image + "-" + $sum),
    creationInfo: { created: $created, creators: ["Tool: nightjar-docker-sbom"] },
    packages: ([{
        SPDXID: "SPDXRef-Image", name: $image, downloadLocation: "NOASSERTION",
        filesAnalyzed: false, primaryPackagePurpose: "CONTAINER"
      }] + ($found | map({
        SPDXID: ((.name + "-" + .version + "-" + .arch) | id), name, versionInfo: .version,
        downloadLocation: "NOASSERTION", filesAnalyzed: false,
        licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION",
        copyrightText: "NOASSERTION"
      } + if .kind == "debian" then {
        supplier: "Organization: Debian",
        externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl",
          referenceLocator: purl }]
      } else {} end))),
    relationships: ([{ spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES",
        relatedSpdxElement: "SPDXRef-Image" }]
      + ($found | map({ spdxElementId: "SPDXRef-Image", relationshipType: "CONTAINS",
        relatedSpdxElement: ((.name + "-" + .version + "-" + .arch) | id) })))
  }
