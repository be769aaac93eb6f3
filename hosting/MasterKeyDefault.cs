using System.Security.Cryptography;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Publishing;

namespace AuthMesh.Hosting;

/// <summary>A new master key: 32 random bytes in Base64. Aspire's own generator makes passwords.</summary>
internal sealed class MasterKeyDefault : ParameterDefault
{
    private const int Bytes = 32;

    public override string GetDefaultValue() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(Bytes));

    public override void WriteToManifest(ManifestPublishingContext context) =>
        throw new NotSupportedException("A published application has no generated master key: the deployment sets the parameter.");
}
