"""The algorithms that choose genomes, one file each, behind one interface; `ALGORITHMS` lists them."""

from search.algorithms.aging import Aging
from search.algorithms.algorithm import Algorithm
from search.algorithms.generational import Generational
from search.algorithms.nsga2 import SteadyState
from search.algorithms.random_sampling import RandomSampling
from search.algorithms.surrogate import SurrogateSearch
from search.plan import AlgorithmName

ALGORITHMS: dict[AlgorithmName, type[Algorithm]] = {
    AlgorithmName.SURROGATE: SurrogateSearch,
    AlgorithmName.NSGA2: SteadyState,
    AlgorithmName.STAR: Generational,
    AlgorithmName.AGING: Aging,
    AlgorithmName.RANDOM: RandomSampling,
}
