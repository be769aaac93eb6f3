using System.CommandLine;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Flood;
using AuthMesh.Bench.Idle;
using AuthMesh.Bench.Keys;
using AuthMesh.Bench.Passwords;
using AuthMesh.Bench.Revocations;
using AuthMesh.Bench.Tokens;

var root = new RootCommand("Measures AuthMesh, and checks what the test suite has no time for. bench/README.md says how to read it.")
{
    Compare.Define(),
    Differential.Define(),
    CacheCost.Define(),
    RevocationDelay.Define(),
    RotationLoad.Define(),
    IdleQueries.Define(),
    FloodLoad.Define(),
    HashingWays.Define(),
    HashingService.Define(),
    FailureShapes.Define(),
};
return await root.Parse(args is [] ? ["--help"] : args).InvokeAsync();
