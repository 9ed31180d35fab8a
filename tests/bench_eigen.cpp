/* bench_eigen.cpp - Spectra and Eigen behind the functions that bench.c calls; built by bench.sh
 * where both are installed. Matrices are symmetric and full, vectors are stored one after the
 * other. Return 0, or 1 where the peer did not converge. */
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Spectra/MatOp/DenseSymMatProd.h>
#include <Spectra/SymEigsSolver.h>

typedef Eigen::Map<const Eigen::MatrixXd> matrix;

/* The k largest eigenvalues with vectors, `basis` vectors kept. */
extern "C" int bench_spectra(int n, const double *A, int k, int basis, double tol, double *values,
                             double *vectors)
{
    matrix A_map(A, n, n);
    Spectra::DenseSymMatProd<double> product(A_map);
    Spectra::SymEigsSolver<Spectra::DenseSymMatProd<double>> solver(product, k, basis);
    solver.init();
    if (solver.compute(Spectra::SortRule::LargestAlge, 1000, tol) < k) return 1;
    Eigen::Map<Eigen::VectorXd>(values, k) = solver.eigenvalues();
    Eigen::Map<Eigen::MatrixXd>(vectors, n, k) = solver.eigenvectors();
    return 0;
}

/* All eigenvalues, and the vectors where `vectors` is not NULL. */
extern "C" int bench_eigen(int n, const double *A, double *values, double *vectors)
{
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
        matrix(A, n, n), vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
    if (solver.info() != Eigen::Success) return 1;
    Eigen::Map<Eigen::VectorXd>(values, n) = solver.eigenvalues();
    if (vectors) Eigen::Map<Eigen::MatrixXd>(vectors, n, n) = solver.eigenvectors();
    return 0;
}
