"""One-dimensional flames from Cantera: free, on burners, counterflow and its extinction."""
