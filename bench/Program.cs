using System.CommandLine;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.FailOver;
using AuthMesh.Bench.Faults;
using AuthMesh.Bench.Flood;
using AuthMesh.Bench.Idle;
using AuthMesh.Bench.Keys;
using AuthMesh.Bench.Passwords;
using AuthMesh.Bench.Revocations;
using AuthMesh.Bench.Streams;
using AuthMesh.Bench.Tokens;
using AuthMesh.Bench.Versions;

var root = new RootCommand("Measures AuthMesh, and runs checks that are too long for the test suite. bench/README.md explains the results.")
{
    Compare.Define(),
    Differential.Define(),
    CacheCost.Define(),
    ServiceTokenRate.Define(),
    RevocationDelay.Define(),
    OpenStreams.Define(),
    StreamFaults.Define(),
    FaultsCommand.Define(),
    RotationLoad.Define(),
    IdleQueries.Define(),
    FloodLoad.Define(),
    JunkKeys.Define(),
    HashingWays.Define(),
    HashingService.Define(),
    FailureShapes.Define(),
    AgainstEarlier.Define(),
    Drill.Define(),
    BesideEarlier.Define(),
};
return await root.Parse(args is [] ? ["--help"] : args).InvokeAsync();
