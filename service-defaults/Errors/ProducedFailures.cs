using Microsoft.AspNetCore.Builder;

namespace AuthMesh.Errors;

/// <summary>
/// The errors of one endpoint, for the description of the HTTP interface: those beside what its policy, its body and the mesh bring. Tests
/// compare them with what the endpoint answers.
/// </summary>
internal sealed record ProducedFailures(IReadOnlyList<Failure> Failures);

internal static class FailureProducers
{
    extension<TBuilder>(TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder
    {
        /// <summary>Says which errors the endpoint answers with.</summary>
        public TBuilder ProducesFailure(params Failure[] failures) => endpoint.WithMetadata(new ProducedFailures(failures));
    }
}
