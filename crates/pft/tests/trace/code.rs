//! Call chains, modules, symbols, stack pointers and the columns of faults that belong to them.
