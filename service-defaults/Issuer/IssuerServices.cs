using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Issuer;

/// <summary>What <c>AddAuthMesh()</c> registered to learn keys and revocations from the issuer. A test takes its place.</summary>
internal sealed record IssuerServices(IReadOnlyList<ServiceDescriptor> Descriptors);
