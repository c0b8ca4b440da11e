"""Names of the tables that the C++ kernels read of a mechanism, on both sides; torch is not loaded for them."""

from __future__ import annotations

# Names of the tables, of which the kernels' header is made: doubles, 32-bit integers, and sizes.
REALS = (
    "low", "high", "T_mid", "upper_rows", "T_upper", "molar_mass", "r_molar_mass", "shift_h", "shift_s", "ln_c_ref",
    "A", "b", "Ea_R", "body_usual", "body_extra",
    "falloff_sign", "falloff_ln_A", "falloff_b", "falloff_Ea_R", "falloff_activated",
    "sri_a", "sri_b", "sri_r_c", "sri_d", "sri_e", "tsang_A", "tsang_B", "troe_a", "troe_r_T3", "troe_r_T1", "troe_T2",
    "plog_ln_A", "plog_b", "plog_Ea_R", "plog_sign", "plog_ln_p", "plog_r_width",
    "bm_b", "bm_E0_R", "bm_w_R", "bm_net", "cheb_coefficients", "cheb_x0", "cheb_x1", "cheb_y0", "cheb_y1",
    "power_order", "power_trace", "reactant_edge", "product_edge", "multiplier",
    "net_nu", "species_nu", "term_weight", "common_weight",
)  # fmt: skip
WHOLES = (
    "exponent", "factor_row", "bm_species", "falloff_body", "plog_summed", "plog_node", "power_species",
    "reactant_start", "reactant_rows", "product_start", "product_rows", "net_start", "net_species",
    "species_start", "species_reaction", "body_start", "body_species", "body_row", "pressure_row", "common_start",
    "common_row", "forward_start", "reverse_start", "entry_species", "rest_start",
    "rest_rows", "term_place", "term_start", "term_row",
    "unknown_species", "lower_start", "row_end", "diagonal_place", "entry_column", "update_entry",
)  # fmt: skip
NUMBERS = (
    "species", "thermo_rows", "upper_ranges", "reactions", "reversible", "exponents", "arrhenius", "blowers_masel",
    "bm_slots", "plog", "plog_terms", "plog_sums", "plog_slots", "plog_pressures", "chebyshev", "chebyshev_x",
    "chebyshev_y", "factors", "bodies", "falloff", "sri_rows", "tsang_rows", "troe_rows", "powers", "edged", "members",
    "table_rows", "partials", "matrix_entries", "dense_from",
)  # fmt: skip


def header() -> str:
    """The names of the tables for C++."""
    kinds = (("Real", REALS, "REALS"), ("Whole", WHOLES, "WHOLES"), ("Number", NUMBERS, "NUMBERS"))
    lines = [f"enum {kind} {{ {', '.join(names)}, {count} }};" for kind, names, count in kinds]
    return "#pragma once\n" + "\n".join(lines) + "\n"
