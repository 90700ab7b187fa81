"""An import-linter contract of our own: what one room may import of another, whatever modules it has."""

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class RoomsContract(Contract):
    """`rooms` are packages, none of which may import of another anything but its `shared_module`."""

    type_name = "rooms"

    rooms = fields.ListField(subfield=fields.StringField())
    shared_module = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """As import-linter asks for it: whether the contract is kept, and what is needed to say why not."""
        if missing := [room for room in self.rooms if room not in graph.modules]:  # type: ignore[attr-defined]
            raise ValueError(f"there is no room {', '.join(missing)}")
        forbidden = sorted(set(self._forbidden_imports(graph)))
        return ContractCheck(kept=not forbidden, metadata={"forbidden": forbidden})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each forbidden import."""
        for importer, imported in check.metadata["forbidden"]:
            output.print_error(
                f"{importer} may not import {imported}, only the model of that room", bold=False
            )

    def _forbidden_imports(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for importer in graph.modules:
            for imported in graph.find_modules_directly_imported_by(importer):
                here, there = self._room_of(importer), self._room_of(imported)
                if here and there and here != there and imported != f"{there}.{self.shared_module}":
                    yield importer, imported

    def _room_of(self, module: str) -> str | None:
        rooms: list[str] = self.rooms  # type: ignore[assignment]  # a descriptor until import-linter fills it
        return next((room for room in rooms if module == room or module.startswith(f"{room}.")), None)
